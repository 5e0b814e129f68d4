import { STATUS_CODES, createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { SUBPROTOCOL } from '../protocol/index.ts';
import { EVENT_PING, eventOf, jsonAnswer } from './http-text.ts';
import { listenOn } from './listen.ts';
import type { Connection, EventStream, HttpAnswer, HttpRequest, Transport, TransportOptions } from './port.ts';

/** How long the other side has to answer a close frame before it is cut off. */
const CLOSE_TIMEOUT_MS = 2_000;

/** `ws` on node:http: everywhere Node runs. */
export async function startWsTransport(options: TransportOptions): Promise<Transport> {
  const { handlers, limits } = options;
  const http = createServer((request, response) => {
    void handlers.http(requestOf(request)).then(
      (answer) => {
        if ('open' in answer) stream(response, answer);
        else response.writeHead(answer.status, answer.headers).end(answer.body);
      },
      () => {
        response.writeHead(500).end();
      },
    );
  });
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: limits.hardFrameBytes,
    handleProtocols: () => SUBPROTOCOL,
  });
  http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const asked = requestOf(request);
    const refusal = asked.path === options.path ? handlers.refuse(asked) : jsonAnswer(404, { error: 'not found' });
    if (refusal !== null) {
      refuse(socket, refusal);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      attach(webSocket, options);
    });
  });
  await listenOn(http, options);
  const address = http.address();
  return {
    name: 'ws',
    port: typeof address === 'object' && address !== null ? address.port : options.port,
    stopListening: () => {
      http.close();
    },
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      const closed = new Promise<void>((resolve) => {
        if (!http.listening) resolve();
        else http.close(() => resolve());
      });
      http.closeAllConnections();
      await closed;
    },
  };
}

function attach(socket: WebSocket, { handlers }: TransportOptions): void {
  const onSent = (): void => {
    events.drained();
  };
  const connection: Connection = {
    answersPings: true,
    send: (frame) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(frame, onSent);
    },
    bufferedBytes: () => socket.bufferedAmount,
    ping: () => {
      if (socket.readyState === WebSocket.OPEN) socket.ping();
    },
    close: (code, reason) => {
      socket.close(code, reason);
      setTimeout(() => {
        socket.terminate();
      }, CLOSE_TIMEOUT_MS).unref();
    },
  };
  const events = handlers.open(connection);
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) events.binary();
    else events.text(data.toString('utf8'));
  });
  socket.on('pong', () => {
    events.alive();
  });
  // ws closes by itself after a frame that breaks the protocol (1002, 1007, 1009); the close event says so.
  socket.on('error', () => undefined);
  socket.on('close', (code: number) => {
    events.closed(code);
  });
}

function stream(response: ServerResponse, answer: EventStream): void {
  response.writeHead(200, answer.headers);
  response.flushHeaders();
  const connection: Connection = {
    answersPings: false,
    send: (frame) => {
      if (!response.writableEnded) response.write(eventOf(frame));
    },
    bufferedBytes: () => response.writableLength,
    ping: () => {
      if (!response.writableEnded) response.write(EVENT_PING);
    },
    close: () => {
      response.end();
    },
  };
  const events = answer.open(connection);
  response.on('drain', () => {
    events.drained();
  });
  response.on('close', () => {
    events.closed(1006);
  });
}

function refuse(socket: Duplex, { status, headers, body }: HttpAnswer): void {
  const head = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)), connection: 'close' });
  const lines = head.map(([name, value]) => `${name}: ${value}`).join('\r\n');
  socket.on('error', () => undefined);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines}\r\n\r\n${body}`);
}

function requestOf(request: IncomingMessage): HttpRequest {
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2);
  return {
    method: request.method ?? 'GET',
    path,
    query: new URLSearchParams(query),
    header: (name) => {
      const value = request.headers[name];
      return Array.isArray(value) ? value.join(', ') : value;
    },
  };
}
