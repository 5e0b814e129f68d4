import { request } from 'node:http';
import { connect } from 'node:net';

const timeoutMs = 4_000;

/** Resolves when `GET url` answers with a 2xx status. */
export function checkHttp(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, timeout: timeoutMs }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) resolve();
      else reject(new Error(`${url} answered ${status}`));
    });
    call.once('timeout', () => call.destroy(new Error(`${url} did not answer in ${timeoutMs} ms`)));
    call.once('error', reject);
    call.end();
  });
}

/**
 * Asks a deployable's `/ready`. Resolves when it can do its work: with what of it it cannot do, and what to do about that, in its own words; null where
 * there is nothing to say.
 */
export async function checkReady(url: string): Promise<string | null> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  const { degraded } = JSON.parse(text) as { degraded?: unknown };
  return typeof degraded === 'string' ? degraded : null;
}

/** Connects to 127.0.0.1, sends `bytes` and resolves when `accepts` says so of the first answer. */
export function checkSocket(port: number, bytes: Buffer, accepts: (answer: Buffer) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`port ${port} did not answer in ${timeoutMs} ms`)));
    socket.once('connect', () => socket.write(bytes));
    socket.once('data', (answer: Buffer) => {
      if (accepts(answer)) resolve();
      else reject(new Error(`port ${port} answered something else`));
      socket.end();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`port ${port} closed the connection`)));
  });
}
