const QUOTE = '"';

/**
 * The members of a JSON object's text, each as its own text: numbers keep every digit they were written with. Null where the text is not an
 * object. The text must be JSON (Postgres has checked it).
 */
export function jsonMembers(text: string): Map<string, string> | null {
  if (!text.startsWith('{')) return null;
  const members = new Map<string, string>();
  let at = 1;
  for (;;) {
    at = afterSpace(text, at);
    if (text[at] !== QUOTE) return members;
    const keyEnd = afterString(text, at);
    const key = JSON.parse(text.slice(at, keyEnd)) as string;
    const valueStart = afterSpace(text, text.indexOf(':', keyEnd) + 1);
    const valueEnd = afterValue(text, valueStart);
    members.set(key, text.slice(valueStart, valueEnd).trimEnd());
    at = valueEnd + 1;
  }
}

function afterSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \n\r\t'.includes(text[at] ?? '')) at++;
  return at;
}

function afterString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text[at] !== QUOTE) at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

/** Where the comma or bracket after the value stands. */
function afterValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const character = text[at] ?? '';
    if (character === QUOTE) {
      at = afterString(text, at);
      continue;
    }
    if (depth === 0 && (character === ',' || character === '}')) return at;
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
    at++;
  }
  return at;
}
