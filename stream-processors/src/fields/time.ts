/** ISO 8601 in UTC with milliseconds, from µs since 1970. */
export function isoTime(us: number): string {
  // eslint-disable-next-line no-restricted-globals -- of a given time: no clock is asked
  return new Date(Math.floor(us / 1000)).toISOString();
}
