import { Counter, Gauge, Histogram, latencyBuckets } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';
import { createOutboxMetrics } from './outbox/outbox-metrics.ts';
import type { OutboxMetrics } from './outbox/outbox-metrics.ts';

/** What the capture measures; names as the runbook uses them. */
export interface CaptureMetrics {
  readonly rows: Counter;
  readonly bytes: Counter;
  readonly flushes: Counter;
  readonly dropped: Gauge;
  readonly commitToAck: Histogram;
  readonly snapshotRows: Gauge;
  readonly inFlightBytes: Gauge;
  /** By `outcome`: committed, aborted. */
  readonly streamed: Counter;
  readonly outbox: OutboxMetrics;
  /** Old behaviour events that were thrown away. */
  readonly forgotten: Counter;
}

export interface CaptureGauges {
  /** Lower 56 bits of the newest position in the log. */
  readonly position: () => number;
  /** Seconds since the newest commit in the log; 0 before the first. */
  readonly lagSeconds: () => number;
  /** Slot and log do not belong together: it waits for the operator. */
  readonly refused: () => boolean;
  readonly parked: () => readonly { readonly table: string; readonly rows: number }[];
  readonly spoolBytes: () => number;
  readonly spoolTransactions: () => number;
  readonly streamInProgress: () => number;
}

export function createCaptureMetrics(registry: Registry, gauges: CaptureGauges): CaptureMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge('millrace_capture_spool_bytes', 'Kept of transactions that have not ended', gauges.spoolBytes);
  gauge(
    'millrace_capture_spool_transactions',
    'Transactions that have not ended and are kept',
    gauges.spoolTransactions,
  );
  gauge(
    'millrace_capture_stream_in_progress',
    '1 where Postgres sends large transactions before their end; 0 where it keeps them (turned off, or the spool was full)',
    gauges.streamInProgress,
  );
  new Gauge({
    name: 'millrace_capture_position',
    help: 'Newest position in the log (without epoch)',
    registers,
    collect() {
      this.set(gauges.position());
    },
  });
  new Gauge({
    name: 'millrace_capture_lag_seconds',
    help: 'Age of the newest commit that the log holds; about a second on an idle source',
    registers,
    collect() {
      this.set(gauges.lagSeconds());
    },
  });
  new Gauge({
    name: 'millrace_capture_refused',
    help: '1 while slot and log do not belong together and the capture waits for `millrace capture heal`',
    registers,
    collect() {
      this.set(Number(gauges.refused()));
    },
  });
  return {
    outbox: createOutboxMetrics(registry),
    forgotten: new Counter({
      name: 'millrace_behaviour_forgotten_rows_total',
      help: 'Behaviour events older than BEHAVIOUR_RETENTION_DAYS that were deleted from the source',
      registers,
    }),
    rows: new Counter({
      name: 'millrace_capture_rows_total',
      help: 'Changes that the log has acknowledged',
      registers,
    }),
    bytes: new Counter({ name: 'millrace_capture_bytes_total', help: 'Bytes of those changes', registers }),
    flushes: new Counter({ name: 'millrace_capture_flushes_total', help: 'Appends with changes', registers }),
    dropped: new Gauge({
      name: 'millrace_capture_dropped_rows',
      help: 'Changes sent again by Postgres after a restart that the log held already',
      registers,
    }),
    commitToAck: new Histogram({
      name: 'millrace_capture_commit_to_ack_seconds',
      help: "From a commit to the log's acknowledgement, by the clocks of Postgres and of this process",
      buckets: latencyBuckets,
      registers,
    }),
    snapshotRows: new Gauge({ name: 'millrace_capture_snapshot_rows', help: 'Rows copied by the snapshot', registers }),
    streamed: new Counter({
      name: 'millrace_capture_streamed_transactions_total',
      help: 'Transactions that were sent before their end, by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    inFlightBytes: new Gauge({
      name: 'millrace_capture_in_flight_bytes',
      help: 'Sent to the log, not acknowledged',
      registers,
    }),
  };
}
