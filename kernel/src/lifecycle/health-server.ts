import { createServer } from 'node:http';
import type { Registry } from 'prom-client';
import { answerControl, isControlRequest } from './control.ts';
import type { ControlSource } from './control.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
  /** Ready, but for this, which no waiting mends: what, and what to do. Who runs the process tells it to its operator. */
  readonly degraded?: string;
}

export interface HealthSource {
  /** Ready to do its work: `/ready` answers 200, else 503 with the reason. */
  readonly ready: () => Readiness | Promise<Readiness>;
  /** More facts for `/ready` and `/status` (positions, lag): JSON-safe. */
  readonly status?: () => unknown;
  /** What an operator may ask of it; from this machine only, whatever `host` is. */
  readonly control?: ControlSource;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Serves `/health` (the process answers), `/ready`, `/status`, `/metrics` (Prometheus text) and `POST /control/<action>` of a deployable without
 * a port of its own.
 */
export async function startHealthServer(
  host: string,
  port: number,
  metrics: Registry,
  source: HealthSource,
): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const answered = isControlRequest(request)
      ? answerControl(request, source.control).then(({ status, body }) => json(status, body))
      : answer(request.url ?? '/', metrics, source);
    void answered.then(
      ({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type }).end(body);
      },
      (error: unknown) => {
        response
          .writeHead(500, { 'content-type': 'text/plain' })
          .end(error instanceof Error ? error.message : 'failed');
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

const json = (status: number, body: unknown) => ({ status, type: 'application/json', body: JSON.stringify(body) });

async function answer(url: string, metrics: Registry, source: HealthSource) {
  switch (url.split('?')[0]) {
    case '/health':
      return json(200, { status: 'up' });
    case '/ready': {
      const state = await source.ready();
      return json(state.ready ? 200 : 503, state);
    }
    case '/status':
      return json(200, source.status?.() ?? {});
    case '/metrics':
      return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
    default:
      return json(404, { error: 'not found: this port has /health, /ready, /status and /metrics' });
  }
}
