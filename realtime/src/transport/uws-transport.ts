import { STATUS_CODES } from 'node:http';
import { createServer } from 'node:net';
import { SUBPROTOCOL } from '../protocol/index.ts';
import { EVENT_PING, eventOf, offers } from './http-text.ts';
import { listenOn, portInUse } from './listen.ts';
import type {
  Connection,
  ConnectionEvents,
  EventStream,
  HttpAnswer,
  HttpRequest,
  Transport,
  TransportOptions,
} from './port.ts';
import type { UwsModule, UwsRequest, UwsResponse, UwsSocket } from './uws-types.ts';

interface SocketData {
  events: ConnectionEvents | null;
  open: boolean;
}

/** The module, or null where it is not installed or has no binary for this machine. */
export async function loadUws(): Promise<UwsModule | null> {
  // A variable, so that the compiler does not ask for a package that may be absent.
  const name = 'uWebSockets.js';
  try {
    const loaded = (await import(name)) as { default: UwsModule };
    return loaded.default;
  } catch {
    return null;
  }
}

/**
 * uWebSockets.js: 1.3 times the deliveries per CPU-second of `ws`, a fifth of its memory per connection. Its `publish` is not used: that drops
 * in silence for slow readers. Differences from `ws`: a frame over the hard limit ends the connection without a close frame.
 */
export async function startUwsTransport(uws: UwsModule, options: TransportOptions): Promise<Transport> {
  const port = await freePort(options);
  const app = uws.App();
  const { handlers, limits, path } = options;
  app.ws<SocketData>(path, {
    compression: uws.DISABLED,
    maxPayloadLength: limits.hardFrameBytes,
    // No limit here: the session holds back by `bufferedBytes`, and a limit would drop frames.
    maxBackpressure: 0,
    idleTimeout: 0,
    sendPingsAutomatically: false,
    upgrade: (response, request, context) => {
      const refusal = handlers.refuse(requestOf(request));
      if (refusal !== null) {
        respond(response, refusal);
        return;
      }
      const protocol = offers(request.getHeader('sec-websocket-protocol'), SUBPROTOCOL) ? SUBPROTOCOL : '';
      const data: SocketData = { events: null, open: true };
      response.upgrade(data, request.getHeader('sec-websocket-key'), protocol, '', context);
    },
    open: (socket) => {
      socket.getUserData().events = handlers.open(connectionOf(socket));
    },
    message: (socket, message, isBinary) => {
      const { events } = socket.getUserData();
      if (isBinary) events?.binary();
      else events?.text(Buffer.from(message).toString('utf8'));
    },
    drain: (socket) => socket.getUserData().events?.drained(),
    ping: (socket) => socket.getUserData().events?.alive(),
    pong: (socket) => socket.getUserData().events?.alive(),
    close: (socket, code) => {
      const data = socket.getUserData();
      data.open = false;
      data.events?.closed(code);
    },
  });
  app.any('/*', (response, request) => {
    serve(response, requestOf(request), options);
  });
  const listening = await new Promise<unknown>((resolve) => {
    app.listen(options.host, port, resolve);
  });
  if (listening === false || listening === null) throw portInUse(options);
  let listens = true;
  return {
    name: 'uws',
    port,
    stopListening: () => {
      if (listens) uws.us_listen_socket_close(listening);
      listens = false;
    },
    close: () => {
      listens = false;
      app.close();
      return Promise.resolve();
    },
  };
}

/**
 * A port that is free now. uWS listens with SO_REUSEPORT, so a second gateway would take half of the connections in silence; in its exclusive
 * mode, and on port 0, it does without SO_REUSEADDR, so a restarted gateway would wait a minute for its port. Hence this look before.
 */
async function freePort(options: TransportOptions): Promise<number> {
  const probe = createServer();
  await listenOn(probe, options);
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : options.port;
}

function connectionOf(socket: UwsSocket<SocketData>): Connection {
  const data = socket.getUserData();
  return {
    answersPings: true,
    send: (frame) => {
      if (data.open && socket.send(frame, false, false) === 2) socket.close();
    },
    bufferedBytes: () => (data.open ? socket.getBufferedAmount() : 0),
    ping: () => {
      if (data.open) socket.ping();
    },
    close: (code, reason) => {
      if (data.open) socket.end(code, reason);
    },
  };
}

function serve(response: UwsResponse, request: HttpRequest, { handlers }: TransportOptions): void {
  const state = { open: true, events: null as ConnectionEvents | null };
  response.onAborted(() => {
    state.open = false;
    state.events?.closed(1006);
  });
  void handlers.http(request).then(
    (answer) => {
      if (!state.open) return;
      if ('open' in answer) stream(response, answer, state);
      else respond(response, answer);
    },
    () => {
      if (state.open) respond(response, { status: 500, headers: {}, body: '' });
    },
  );
}

function stream(
  response: UwsResponse,
  answer: EventStream,
  state: { open: boolean; events: ConnectionEvents | null },
): void {
  // uWS does not say how much it buffers of a response, only that it does and when it no longer does.
  let buffering = false;
  const write = (text: string): void => {
    if (!state.open) return;
    response.cork(() => {
      buffering = !response.write(text);
    });
  };
  response.onWritable(() => {
    buffering = false;
    state.events?.drained();
    return true;
  });
  response.cork(() => {
    head(response, 200, answer.headers);
    // The head leaves with the first write.
    response.write(EVENT_PING);
  });
  state.events = answer.open({
    answersPings: false,
    send: (frame) => {
      write(eventOf(frame));
    },
    bufferedBytes: () => (buffering ? Number.MAX_SAFE_INTEGER : 0),
    ping: () => {
      write(EVENT_PING);
    },
    close: () => {
      if (!state.open) return;
      state.open = false;
      response.cork(() => response.end('', true));
      state.events?.closed(1000);
    },
  });
}

function respond(response: UwsResponse, { status, headers, body }: HttpAnswer): void {
  response.cork(() => {
    head(response, status, headers);
    response.end(body);
  });
}

function head(response: UwsResponse, status: number, headers: Readonly<Record<string, string>>): void {
  response.writeStatus(`${status} ${STATUS_CODES[status] ?? ''}`.trim());
  for (const [name, value] of Object.entries(headers)) response.writeHeader(name, value);
}

/** A request of uWS is valid only during its callback: everything is copied. */
function requestOf(request: UwsRequest): HttpRequest {
  const headers = new Map<string, string>();
  request.forEach((name, value) => headers.set(name, value));
  return {
    method: request.getMethod().toUpperCase(),
    path: request.getUrl(),
    query: new URLSearchParams(request.getQuery() ?? ''),
    header: (name) => headers.get(name),
  };
}
