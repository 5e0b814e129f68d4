import { asPlatformError } from '@millrace/kernel/errors';
import type { Registry } from '@millrace/kernel/telemetry';
import { SUBPROTOCOL } from '../protocol/index.ts';
import type { ProtocolLimits } from '../protocol/index.ts';
import type { Caller } from '../session/index.ts';
import { jsonAnswer, offers } from '../transport/index.ts';
import type { EventStream, HttpAnswer, HttpRequest, TransportHandlers } from '../transport/index.ts';
import type { SessionRegistry } from './session-registry.ts';

export interface RouteContext {
  readonly options: {
    readonly allowedOrigins: readonly string[];
    readonly maxConnections: number;
    readonly metrics: Registry;
  };
  readonly sessions: SessionRegistry;
  readonly ready: () => { ready: boolean; reason?: string };
  readonly status: () => unknown;
  readonly authenticate: (token: string) => Promise<Caller>;
  readonly limits: ProtocolLimits;
}

/** What one port answers: WebSocket at /rt, SSE at /rt/sse, and /health, /ready, /status, /metrics. */
export function createRoutes(context: RouteContext): TransportHandlers {
  return {
    refuse: (request) => {
      const offered = request.header('sec-websocket-protocol');
      if (offered !== undefined && offered !== '' && !offers(offered, SUBPROTOCOL)) {
        return jsonAnswer(400, { error: `the subprotocol here is ${SUBPROTOCOL}` });
      }
      return refusal(request, context);
    },
    open: (connection) => context.sessions.open(connection, 'websocket'),
    http: (request) => answer(request, context),
  };
}

/** Why no client is taken just now: another origin, not ready, full. */
function refusal(request: HttpRequest, { options, ready, sessions }: RouteContext): HttpAnswer | null {
  const origin = request.header('origin');
  if (origin !== undefined && origin !== '' && !allows(options.allowedOrigins, origin)) {
    return jsonAnswer(403, { error: 'this origin is not allowed: see REALTIME_ALLOWED_ORIGINS' });
  }
  const state = ready();
  if (!state.ready) return jsonAnswer(503, { error: 'not ready', reason: state.reason }, { 'retry-after': '1' });
  if (sessions.size >= options.maxConnections) {
    return jsonAnswer(503, { error: 'too many connections at this gateway' }, { 'retry-after': '5' });
  }
  return null;
}

function allows(allowed: readonly string[], origin: string): boolean {
  return allowed.includes('*') || allowed.includes(origin);
}

async function answer(request: HttpRequest, context: RouteContext): Promise<HttpAnswer | EventStream> {
  switch (request.path) {
    case '/health':
      return jsonAnswer(200, { status: 'up' });
    case '/ready': {
      const state = context.ready();
      return jsonAnswer(state.ready ? 200 : 503, state);
    }
    case '/status':
      return jsonAnswer(200, context.status());
    case '/metrics': {
      const { metrics } = context.options;
      return { status: 200, headers: { 'content-type': metrics.contentType }, body: await metrics.metrics() };
    }
    case '/rt/sse':
      return eventStream(request, context);
    case '/rt':
      return jsonAnswer(
        426,
        { error: `this is a WebSocket address (${SUBPROTOCOL}); /rt/sse?topics=… streams over HTTP` },
        { upgrade: 'websocket' },
      );
    default:
      return jsonAnswer(404, { error: 'not found: there are /rt, /rt/sse, /health, /ready, /status and /metrics' });
  }
}

async function eventStream(request: HttpRequest, context: RouteContext): Promise<HttpAnswer | EventStream> {
  if (request.method !== 'GET') return jsonAnswer(405, { error: 'GET only' }, { allow: 'GET' });
  const refused = refusal(request, context);
  const origin = request.header('origin');
  const cors = { 'access-control-allow-origin': origin ?? '*', vary: 'origin' };
  if (refused !== null) return refused;
  const topics = (request.query.get('topics') ?? '').split(',').filter((topic) => topic !== '');
  const { maxTopics } = context.limits;
  if (topics.length === 0 || topics.length > maxTopics) {
    return jsonAnswer(400, { error: `topics=<topic>,… with 1 to ${maxTopics} topics is needed` }, cors);
  }
  const bearer = /^Bearer (.+)$/i.exec(request.header('authorization') ?? '');
  let caller: Caller | null = null;
  try {
    if (bearer?.[1] !== undefined) caller = await context.authenticate(bearer[1]);
  } catch (error) {
    return jsonAnswer(401, { error: asPlatformError(error, 'unauthenticated').message }, cors);
  }
  return {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no', ...cors },
    open: (connection) =>
      context.sessions.open(connection, 'sse', caller, JSON.stringify({ type: 'subscribe', topics })),
  };
}
