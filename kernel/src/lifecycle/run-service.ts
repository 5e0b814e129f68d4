import type { Registry } from 'prom-client';
import { loadConfig } from '../config/index.ts';
import type { ConfigOf, Settings } from '../config/index.ts';
import { asPlatformError, errorPolicy } from '../errors/index.ts';
import { createLogger, createMetrics } from '../telemetry/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { startHealthServer } from './health-server.ts';
import type { HealthSource } from './health-server.ts';
import { Releasers } from './releasers.ts';

/**
 * A long-running part of a deployable. `run` resolves only after `signal` aborts and everything in hand is finished (drained);
 * it throws when it can't go on, and then the process ends with 1, to be started again by whoever supervises it.
 */
export interface Service extends HealthSource {
  run(signal: AbortSignal): Promise<void>;
}

export interface ServiceContext<C> {
  readonly config: C;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** Released in reverse order when the service has ended, whichever way. */
  readonly releasers: Releasers;
}

export interface ServiceDefinition<T extends Settings> {
  readonly name: string;
  readonly settings: T;
  /** Most ms between the signal to stop and the end by force. Default 10,000. */
  readonly drainTimeoutMs?: number;
  /** Whether the kernel serves /health, /ready and /metrics on `HEALTH_PORT`; false where the service has its own port. Default true. */
  readonly healthServer?: boolean;
  readonly build: (context: ServiceContext<ConfigOf<T>>) => Promise<Service>;
}

type WithBasics = { host: string; healthPort: number; logLevel: string };

/** The one `main`: configuration, logger, metrics, health, one signal handler, drain, release, exit code. Never returns to the caller. */
export async function runService<T extends Settings>(definition: ServiceDefinition<T>): Promise<never> {
  let logger = createLogger(definition.name);
  const releasers = new Releasers();
  let exitCode = 0;
  try {
    const config = loadConfig(definition.settings);
    const basics = config as unknown as WithBasics;
    logger = createLogger(definition.name, basics.logLevel);
    const stop = stopOnSignal(logger, definition.drainTimeoutMs ?? 10_000);
    const metrics = createMetrics(definition.name);
    const built: { service?: Service } = {};
    let healthPort: number | null = null;
    if (definition.healthServer !== false) {
      const health = await startHealthServer(basics.host, basics.healthPort, metrics, {
        ready: () => built.service?.ready() ?? { ready: false, reason: 'starting' },
        status: () => built.service?.status?.() ?? {},
        control: (action, body) => built.service?.control?.(action, body) ?? null,
      });
      healthPort = health.port;
      releasers.push('health server', () => health.close());
    }
    const service = await definition.build({ config, logger, metrics, releasers });
    built.service = service;
    logger.info({ pid: process.pid, healthPort }, `${definition.name} started`);
    await service.run(stop.signal);
  } catch (error) {
    const wrapped = asPlatformError(error);
    logger.fatal({ err: wrapped, kind: wrapped.kind, hint: errorPolicy[wrapped.kind].hint }, wrapped.message);
    exitCode = 1;
  }
  try {
    await releasers.release();
  } catch (error) {
    logger.error({ err: error }, 'release failed');
    exitCode = 1;
  }
  logger.info(`${definition.name} ended`);
  process.exit(exitCode);
}

function stopOnSignal(logger: Logger, drainTimeoutMs: number): AbortController {
  const controller = new AbortController();
  const stop = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) return;
    logger.info({ signal }, 'stopping');
    controller.abort(new Error(`stopped by ${signal}`));
    setTimeout(() => {
      logger.error({ drainTimeoutMs }, 'drain took too long, ending by force');
      process.exit(1);
    }, drainTimeoutMs).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  return controller;
}
