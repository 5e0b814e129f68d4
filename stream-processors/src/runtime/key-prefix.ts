/** In a loop: it is asked for every record that is read, and a call costs more than the few bytes. */
export function startsWithOneOf(key: Buffer, prefixes: readonly Buffer[]): boolean {
  outer: for (const prefix of prefixes) {
    if (key.length < prefix.length) continue;
    for (let at = 0; at < prefix.length; at++) if (key[at] !== prefix[at]) continue outer;
    return true;
  }
  return false;
}
