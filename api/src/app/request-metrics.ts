import { Counter, Histogram, latencyBuckets } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';
import type { App } from './app-type.ts';

/** `millrace_api_requests_total` and `millrace_api_request_seconds`, by route (its pattern, never its values), method and status class. */
export function addRequestMetrics(app: App, registry: Registry): void {
  const labelNames = ['route', 'method', 'status'] as const;
  const registers = [registry];
  const requests = new Counter({
    name: 'millrace_api_requests_total',
    help: 'Requests answered',
    labelNames,
    registers,
  });
  const seconds = new Histogram({
    name: 'millrace_api_request_seconds',
    help: 'Seconds from a request to its answer',
    labelNames,
    buckets: latencyBuckets,
    registers,
  });
  app.addHook('onResponse', async (request, reply) => {
    const labels = {
      route: request.routeOptions.url ?? 'unknown',
      method: request.method,
      status: `${Math.floor(reply.statusCode / 100)}xx`,
    };
    requests.inc(labels);
    seconds.observe(labels, reply.elapsedTime / 1000);
  });
}
