import type { HttpAnswer } from './port.ts';

/** One event: frames are JSON on one line, so one `data:` line each. */
export function eventOf(frame: string): string {
  return `data: ${frame}\n\n`;
}

/** A comment: keeps proxies from thinking the stream dead. */
export const EVENT_PING = ': ping\n\n';

export function jsonAnswer(status: number, body: unknown, headers: Record<string, string> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) };
}

/** Whether the comma-separated list of the handshake offers the subprotocol. */
export function offers(header: string | undefined, protocol: string): boolean {
  return header?.split(',').some((offered) => offered.trim() === protocol) === true;
}
