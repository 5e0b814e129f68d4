import { pino } from 'pino';
import { Registry, collectDefaultMetrics } from 'prom-client';

export { Counter, Gauge, Histogram, Registry } from 'prom-client';
export type Logger = pino.Logger;

/** A JSON logger on standard output; children carry `component`. Errors go under `err`. Row values are never logged. */
export function createLogger(name: string, level = 'info'): Logger {
  return pino({ name, level, timestamp: pino.stdTimeFunctions.isoTime });
}

/** For tests and tools that want no log. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' });
}

/** A registry with the process's own metrics and the label `service`. */
export function createMetrics(service: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Seconds, from half a millisecond to half a minute: for everything that is "commit to …". */
export const latencyBuckets = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.008, 0.012, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30,
];
