import type { IncomingMessage } from 'node:http';
import type { z } from '../config/index.ts';
import { PlatformError, asPlatformError } from '../errors/index.ts';
import type { ErrorKind } from '../errors/index.ts';

/**
 * What an operator may ask of a running deployable: `POST /control/<action>` with a JSON object, answered JSON-safe. Null where it has no such
 * action. What it throws is told the caller: `validation-failed`, `conflict` and `not-found` are the caller's, all others ours.
 */
export type ControlSource = (action: string, body: Readonly<Record<string, unknown>>) => Promise<unknown> | null;

export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

const PATH = '/control/';
const MAX_BODY_BYTES = 65_536;
const statusOf: Partial<Record<ErrorKind, number>> = { 'validation-failed': 400, 'not-found': 404, conflict: 409 };

export function isControlRequest(request: IncomingMessage): boolean {
  return request.url?.startsWith(PATH) === true;
}

/**
 * Answers a control request. Only this machine may ask, whatever address the port listens on, and only with the content type application/json,
 * which a page in a browser can't send elsewhere without being allowed to.
 */
export async function answerControl(
  request: IncomingMessage,
  control: ControlSource | undefined,
): Promise<ControlAnswer> {
  const action = (request.url ?? '').slice(PATH.length).split('?')[0] ?? '';
  if (!isLoopback(request.socket.remoteAddress)) return refusal(403, 'forbidden', 'control is for this machine only');
  if (request.method !== 'POST') return refusal(405, 'validation-failed', 'control actions are asked with POST');
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return refusal(415, 'validation-failed', 'send a JSON object with the content type application/json');
  }
  try {
    const body = await readObject(request);
    if (body === null) return refusal(400, 'validation-failed', 'the body is not a JSON object of at most 64 KiB');
    const answer = control?.(action, body) ?? null;
    if (answer === null) return refusal(404, 'not-found', `there is no control action ${JSON.stringify(action)} here`);
    return { status: 200, body: await answer };
  } catch (error) {
    const { kind, message } = asPlatformError(error);
    return refusal(statusOf[kind] ?? 500, kind, message);
  }
}

/** The body as the schema has it. Throws `validation-failed` naming each part that does not fit. */
export function controlBody<T>(schema: z.ZodType<T>, body: Readonly<Record<string, unknown>>): T {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new PlatformError('validation-failed', problems.join('; '), { context: { problems } });
}

function refusal(status: number, kind: ErrorKind, message: string): ControlAnswer {
  return { status, body: { error: { kind, message } } };
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address ?? '');
}

/** Null for anything but an object. An empty body is an empty object. */
async function readObject(request: IncomingMessage): Promise<Readonly<Record<string, unknown>> | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
    return isObject ? (parsed as Readonly<Record<string, unknown>>) : null;
  } catch {
    return null;
  }
}
