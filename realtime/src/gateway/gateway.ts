import type { Service } from '@millrace/kernel/lifecycle';
import type { LogClient } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';
import { createAccessTokens } from '@millrace/kernel/security';
import type { Logger, Registry } from '@millrace/kernel/telemetry';
import type { SchemaRegistry } from '@millrace/schemas/registry';
import { createViewCodec } from '@millrace/schemas/views';
import { Feed } from '../feed/index.ts';
import { Hub } from '../hub/index.ts';
import { defaultLimits } from '../protocol/index.ts';
import { startTransport } from '../transport/index.ts';
import type { Transport, TransportName } from '../transport/index.ts';
import { feedServedLogs } from './served-logs.ts';
import { createGatewayMetrics } from './metrics.ts';
import { createRoutes } from './routes.ts';
import { SessionRegistry } from './session-registry.ts';
import { createCallers } from './callers.ts';

export interface GatewayOptions {
  readonly host: string;
  readonly port: number;
  readonly transport: TransportName | 'auto';
  readonly topicPrefix: string;
  readonly authSecret: string;
  readonly allowedOrigins: readonly string[];
  readonly maxConnections: number;
  readonly maxTopics: number;
  readonly heartbeatMs: number;
  readonly highWatermarkBytes: number;
  readonly maxWaitingEvents: number;
  readonly drainMs: number;
  readonly log: LogClient;
  readonly registry: () => Promise<SchemaRegistry>;
  readonly logger: Logger;
  readonly metrics: Registry;
}

export interface Gateway extends Service {
  readonly port: number;
  readonly transport: TransportName;
}

/** Listens at once (`/ready` says 503, handshakes are refused) and takes clients once the feed has caught up. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { logger } = options;
  const hub: Hub = new Hub((topic) => {
    feed.release(topic);
  });
  const metrics = createGatewayMetrics(options.metrics, {
    sessions: () => sessions.counts,
    subscriptions: () => hub.subscriptions,
    topics: () => hub.topics,
    entries: () => feed.entries,
  });
  let schemas: SchemaRegistry | null = null;
  const registry = async (): Promise<SchemaRegistry> => (schemas ??= await options.registry());
  const feed: Feed = new Feed({
    log: options.log,
    codec: async (topic) => createViewCodec(await registry(), topic),
    topicPrefix: options.topicPrefix,
    sink: hub,
    logger: logger.child({ component: 'feed' }),
    onMalformed: (view) => {
      metrics.malformed.inc({ view });
    },
    onStale: () => {
      metrics.stale.inc();
    },
  });
  const limits = { ...defaultLimits, maxTopics: options.maxTopics };
  const authenticate = createCallers(createAccessTokens(options.authSecret));
  const sessions: SessionRegistry = new SessionRegistry(metrics, {
    hub,
    current: ({ kind, id }) => feed.current(kind, id),
    authenticate,
    limits,
    highWatermarkBytes: options.highWatermarkBytes,
    maxWaitingEvents: options.maxWaitingEvents,
    heartbeatMs: options.heartbeatMs,
    now: Date.now,
  });
  const state = { draining: false };
  const ready = (): { ready: boolean; reason?: string } => {
    if (state.draining) return { ready: false, reason: 'draining' };
    if (!feed.ready) return { ready: false, reason: feed.trouble ?? 'reading the views' };
    return { ready: true };
  };
  const status = (): unknown => ({
    transport: transport.name,
    sessions: sessions.counts,
    subscriptions: hub.subscriptions,
    topics: hub.topics,
    feed: feed.status(),
  });
  const transport: Transport = await startTransport(options.transport, {
    host: options.host,
    port: options.port,
    path: '/rt',
    limits,
    handlers: createRoutes({ options, sessions, ready, status, authenticate, limits }),
  });
  logger.info({ port: transport.port, transport: transport.name }, 'listening');

  return {
    port: transport.port,
    transport: transport.name,
    ready,
    status,
    run: async (signal) => {
      const beat = setInterval(() => sessions.beat(), options.heartbeatMs);
      // The feed goes on while sessions drain.
      const stopFeed = new AbortController();
      const reading = feedServedLogs(feed, { ...options, registry }, stopFeed.signal);
      try {
        await Promise.race([reading, aborted(signal)]);
        state.draining = true;
        if (signal.aborted) await drain(transport, sessions, options.drainMs);
      } catch (error) {
        sessions.endAll('internal');
        throw error;
      } finally {
        clearInterval(beat);
        stopFeed.abort();
        await reading.catch(() => undefined);
        await transport.close();
      }
    },
  };
}

async function drain(transport: Transport, sessions: SessionRegistry, drainMs: number): Promise<void> {
  transport.stopListening();
  if (sessions.size > 0) {
    sessions.drain(drainMs);
    const emptied = new AbortController();
    sessions.onEmpty(() => {
      emptied.abort(new Error('no session is left'));
    });
    await sleep(drainMs, emptied.signal).catch(() => undefined);
  }
  sessions.endAll('restart');
  // Lets the close frames leave.
  await sleep(50);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
