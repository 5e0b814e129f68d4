import { connectionSettings, namingSettings, serviceSettings, setting, z } from '@millrace/kernel/config';
import { securitySettings } from '@millrace/kernel/security';

const count = (fallback: number, least = 1) => z.coerce.number().int().min(least).default(fallback);

export const realtimeSettings = {
  ...serviceSettings(9404),
  kafkaBrokers: connectionSettings.kafkaBrokers,
  schemaRegistryUrl: connectionSettings.schemaRegistryUrl,
  topicPrefix: namingSettings.topicPrefix,
  ...securitySettings,
  port: setting('REALTIME_PORT', z.coerce.number().int().min(0).max(65535).default(8090), 'Port of /rt and /rt/sse'),
  transport: setting(
    'REALTIME_TRANSPORT',
    z.enum(['auto', 'ws', 'uws']).default('auto'),
    'WebSocket server: uWebSockets.js (uws), ws, or auto: uws where it loads',
  ),
  allowedOrigins: setting(
    'REALTIME_ALLOWED_ORIGINS',
    z
      .string()
      .default('*')
      .transform((text) => text.split(',').map((origin) => origin.trim())),
    'Origins of browser pages that may connect, separated by commas; * for any (no cookie is used, tokens are explicit)',
  ),
  maxConnections: setting('REALTIME_MAX_CONNECTIONS', count(20_000), 'Clients of one gateway; more are answered 503'),
  maxTopics: setting('REALTIME_MAX_TOPICS', count(1_000), 'Topics one connection may follow'),
  heartbeatMs: setting('REALTIME_HEARTBEAT_MS', count(25_000, 10), 'Time between pings'),
  highWatermarkBytes: setting(
    'REALTIME_HIGH_WATERMARK_BYTES',
    count(262_144, 1),
    'Bytes waiting for one client above which its updates are held back and conflated',
  ),
  maxWaitingEvents: setting(
    'REALTIME_MAX_WAITING_EVENTS',
    count(1_000, 0),
    'Order events held for one slow client before it is told of a gap',
  ),
  drainMs: setting(
    'REALTIME_DRAIN_MS',
    count(2_000, 0),
    'When stopping: time within which clients are asked to reconnect elsewhere before they are closed',
  ),
} as const;
