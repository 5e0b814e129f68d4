import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createGzip, gunzip, gzipSync, inflate } from 'node:zlib';
import { promisify } from 'node:util';
import type { Session } from 'chdb';
import {
  answerFormat,
  contentTypeOf,
  isSelect,
  isStreamable,
  rawInsertOf,
  readRequest,
  statusOf,
  summaryText,
  type RawInsert,
  type Statement,
  type Summary,
} from './protocol.ts';
import type { SessionPool } from './sessions.ts';

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);

/** A body larger than this is refused (413): bodies are held in memory. */
const maxBodyBytes = 512 * 1024 * 1024;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly statement: Statement;
  readonly queryId: string;
  readonly startedAt: number;
  readonly gzip: boolean;
}

/** ClickHouse's HTTP interface on the sessions of a pool, as far as `@clickhouse/client` and plain HTTP use it. */
export function createClickHouseServer(pool: SessionPool): Server {
  // As ClickHouse itself: URLs of up to 1 MiB, for parameters that are lists.
  return createServer(
    { keepAliveTimeout: 30_000, requestTimeout: 0, maxHeaderSize: 1024 * 1024 },
    (request, response) => {
      handle(pool, request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy(error instanceof Error ? error : undefined);
        else sendError(response, error);
      });
    },
  );
}

async function handle(pool: SessionPool, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  if (url.pathname === '/ping' || (url.pathname === '/' && request.method === 'GET' && url.search === '')) {
    response.end('Ok.\n');
    return;
  }
  if (url.pathname !== '/') {
    response.writeHead(404).end(`There is no handle ${url.pathname}\n`);
    return;
  }
  const asked = readRequest(url, request.headers);
  const body = await readBody(request);
  const queryId = asked.queryId ?? randomUUID();
  response.setHeader('X-ClickHouse-Query-Id', queryId);
  response.setHeader('X-ClickHouse-Server-Display-Name', 'millrace-local');
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  const accepts = request.headers['accept-encoding'] ?? '';
  const gzip =
    accepts.includes('gzip') &&
    asked.settings.some(([name, value]) => name === 'enable_http_compression' && value === '1');
  // Without ?query= the body is the statement; with it the body is its data.
  const bodyIsText = asked.text === '';
  const statement = bodyIsText ? { ...asked, text: body.toString('utf8') } : asked;
  const exchange: Exchange = { request, response, statement, queryId, startedAt: performance.now(), gzip };
  await pool.use(statement, (session) => run(session, exchange, bodyIsText ? Buffer.alloc(0) : body));
}

async function run(session: Session, exchange: Exchange, body: Buffer): Promise<void> {
  const { text } = exchange.statement;
  const insert = rawInsertOf(text);
  if (insert !== undefined) return insertRows(session, exchange, insert, body);
  const whole = body.length === 0 ? text : `${text}\n${body.toString('utf8')}`;
  const format = answerFormat(text, exchange.statement.defaultFormat);
  if (isSelect(text) && isStreamable(format) && !exchange.statement.wholeAnswer)
    return streamRows(session, exchange, whole, format);
  const result = await session.queryAsync(whole, { format });
  const bytes = result.bytes();
  const summary = {
    readRows: result.rowsRead,
    readBytes: result.bytesRead,
    resultBytes: bytes.length,
    elapsedMs: elapsed(exchange),
  };
  sendHead(exchange, format, summary);
  exchange.response.end(exchange.gzip ? gzipSync(bytes) : bytes);
}

async function insertRows(session: Session, exchange: Exchange, insert: RawInsert, body: Buffer): Promise<void> {
  const values = insert.inlineRows === '' ? body : Buffer.concat([Buffer.from(`${insert.inlineRows}\n`), body]);
  const written = await session.insert({
    table: insert.table,
    values,
    format: insert.format,
    ...(insert.columns === undefined ? {} : { columns: insert.columns }),
  });
  sendHead(exchange, 'TabSeparated', {
    writtenRows: written.rowsWritten,
    writtenBytes: written.bytesWritten,
    elapsedMs: elapsed(exchange),
  });
  exchange.response.end();
}

/** Sends blocks as the engine makes them, no faster than the reader takes them. A reader that goes away ends the query. */
async function streamRows(session: Session, exchange: Exchange, text: string, format: string): Promise<void> {
  const { response } = exchange;
  const reader = new AbortController();
  const isGone = (): boolean => reader.signal.aborted;
  const leave = (): void => reader.abort();
  response.once('close', leave);
  if (response.destroyed) leave();
  const stream = session.queryStream(text, { format, signal: reader.signal });
  let out: NodeJS.WritableStream | undefined;
  const open = (): NodeJS.WritableStream => {
    sendHead(exchange, format, { elapsedMs: elapsed(exchange) });
    if (!exchange.gzip) return response;
    const zip = createGzip();
    zip.pipe(response);
    return zip;
  };
  try {
    for await (const chunk of stream) {
      if (isGone()) return;
      out ??= open();
      if (!out.write(chunk.raw())) await drained(out, reader.signal);
    }
    if (!isGone()) (out ?? open()).end();
  } catch (error) {
    if (!isGone()) throw error;
  } finally {
    response.removeListener('close', leave);
    if (!stream.closed) stream.cancel();
  }
}

/** Resolves when there is room to write again, or the reader has gone. */
function drained(out: NodeJS.WritableStream, gone: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      out.removeListener('drain', done);
      gone.removeEventListener('abort', done);
      resolve();
    };
    out.once('drain', done);
    gone.addEventListener('abort', done, { once: true });
    if (gone.aborted) done();
  });
}

const elapsed = (exchange: Exchange): number => performance.now() - exchange.startedAt;

function sendHead(exchange: Exchange, format: string, summary: Summary): void {
  exchange.response.writeHead(200, {
    'Content-Type': contentTypeOf(format),
    'X-ClickHouse-Format': format,
    'X-ClickHouse-Summary': summaryText(summary),
    ...(exchange.gzip ? { 'Content-Encoding': 'gzip' } : {}),
  });
}

/** The engine's own message where it has one, in the shape that clients take apart. */
function sendError(response: ServerResponse, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const code = Number(/Code: (\d+)/.exec(message)?.[1] ?? (error instanceof RangeError ? 62 : 1002));
  const status = error instanceof BodyTooLarge ? 413 : statusOf(code);
  const text = message.startsWith('Code:')
    ? message
    : `Code: ${code}. DB::Exception: ${message}. (${code === 62 ? 'SYNTAX_ERROR' : 'UNKNOWN_EXCEPTION'})`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=UTF-8',
    'X-ClickHouse-Exception-Code': String(code),
  });
  response.end(`${text}\n`);
}

class BodyTooLarge extends Error {}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new BodyTooLarge(`A body may have at most ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const encoding = request.headers['content-encoding'];
  if (encoding === 'gzip') return gunzipAsync(body, { maxOutputLength: maxBodyBytes });
  if (encoding === 'deflate') return inflateAsync(body, { maxOutputLength: maxBodyBytes });
  if (encoding === undefined || encoding === 'identity' || encoding === '') return body;
  throw new RangeError(`Content-Encoding ${encoding} is not supported: use gzip or deflate`);
}
