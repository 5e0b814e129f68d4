import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Home } from '../paths/index.ts';
import { Problem } from '../processes/index.ts';
import type { PlatformStatus } from './state-file.ts';

/** What another process may ask of a running supervisor: one JSON line each way over a local socket. */
export type ControlRequest =
  | { readonly verb: 'status' }
  | { readonly verb: 'stop' }
  | { readonly verb: 'restart'; readonly name: string }
  | { readonly verb: 'kill'; readonly name: string };

export type ControlAnswer =
  { readonly ok: true; readonly status: PlatformStatus } | { readonly ok: false; readonly message: string };

/** Systems cap the length of a socket's path at about 104 bytes; a longer one goes to the temporary folder. */
export function controlPath(home: Home): string {
  const path = join(home.run, 'control.sock');
  if (Buffer.byteLength(path) < 100) return path;
  return join(tmpdir(), `millrace-${createHash('sha256').update(home.folder).digest('hex').slice(0, 16)}.sock`);
}

/** Serves requests until closed. A request that fails is answered with its message. */
export function serveControl(
  home: Home,
  answer: (request: ControlRequest) => Promise<PlatformStatus>,
): Promise<Server> {
  const path = controlPath(home);
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.once('line', (line) => {
      const reply = (content: ControlAnswer): void => void socket.end(`${JSON.stringify(content)}\n`);
      Promise.resolve()
        .then(() => answer(JSON.parse(line) as ControlRequest))
        .then(
          (status) => reply({ ok: true, status }),
          (error: unknown) => reply({ ok: false, message: error instanceof Error ? error.message : String(error) }),
        );
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve(server));
  });
}

/** The supervisor was there, and went away without an answer. */
export class EndedEarly extends Problem {}

/** @throws Problem when nobody serves this home, or the request was refused. */
export function askControl(home: Home, request: ControlRequest): Promise<PlatformStatus> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlPath(home));
    const silent = new Problem('Millrace is not running: `millrace up` starts it.');
    socket.once('error', () => reject(silent));
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    const lines = createInterface({ input: socket });
    lines.on('error', () => undefined);
    lines.once('line', (line) => {
      const content = JSON.parse(line) as ControlAnswer;
      if (content.ok) resolve(content.status);
      else reject(new Problem(content.message));
    });
    lines.once('close', () => reject(new EndedEarly('Millrace ended before it answered.')));
  });
}
