import { Counter, Gauge, Histogram, latencyBuckets } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';

/** Names and labels of the gateway's metrics; docs/realtime.md says how to read them. */
export interface GatewayMetrics {
  readonly deliveries: Counter<'type'>;
  readonly conflated: Counter;
  readonly gaps: Counter;
  readonly bytes: Counter;
  readonly errors: Counter<'code'>;
  readonly closes: Counter<'code'>;
  readonly malformed: Counter<'view'>;
  readonly stale: Counter;
  readonly commitToSend: Histogram;
}

export interface GatewayGauges {
  sessions(): { websocket: number; sse: number };
  subscriptions(): number;
  topics(): number;
  entries(): number;
}

export function createGatewayMetrics(registry: Registry, gauges: GatewayGauges): GatewayMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> =>
    new Counter({ name: `millrace_realtime_${name}`, help, labelNames, registers });
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `millrace_realtime_${name}`,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  new Gauge({
    name: 'millrace_realtime_sessions',
    help: 'Clients connected now',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, count] of Object.entries(gauges.sessions())) this.set({ kind }, count);
    },
  });
  gauge('subscriptions', 'Topics followed now, each session counted', () => gauges.subscriptions());
  gauge('topics', 'Different topics followed now', () => gauges.topics());
  gauge('entries', 'View entries held', () => gauges.entries());
  return {
    deliveries: counter('deliveries_total', 'States handed to clients', ['type']),
    conflated: counter(
      'conflated_total',
      'Updates of state topics replaced by a newer one before a slow reader took them',
    ),
    gaps: counter('gaps_total', 'Gaps told to readers of order topics'),
    bytes: counter('sent_characters_total', 'Characters of the frames sent'),
    errors: counter('errors_total', 'Error frames sent', ['code']),
    closes: counter('closes_total', 'Connections ended', ['code']),
    malformed: counter('malformed_total', 'View records that could not be read and were left out', ['view']),
    stale: counter('stale_total', 'View records not newer than what was held: duplicates'),
    commitToSend: new Histogram({
      name: 'millrace_realtime_commit_to_send_seconds',
      help: 'From the commit to the frame handed to the socket, updates only',
      buckets: latencyBuckets,
      registers,
    }),
  };
}
