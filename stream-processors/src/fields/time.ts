import { PlatformError } from '@millrace/kernel/errors';

/** ISO 8601 in UTC with milliseconds, from µs since 1970. */
export function isoTime(us: number): string {
  // eslint-disable-next-line no-restricted-globals -- of a given time: no clock is asked
  return new Date(Math.floor(us / 1000)).toISOString();
}

/** The µs since 1970 of a time in ISO 8601. Throws `record-malformed` for anything else. */
export function isoMicroseconds(iso: string): number {
  // eslint-disable-next-line no-restricted-globals -- of a given time: no clock is asked
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) throw new PlatformError('record-malformed', 'a time is not one of ISO 8601');
  return ms * 1000;
}
