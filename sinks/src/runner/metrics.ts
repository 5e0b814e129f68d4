import { Counter, Gauge, Histogram, latencyBuckets } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';

/** Metrics of all sinks of a process; label `sink` is the store's name. */
export interface SinkMetrics {
  readonly entries: Counter<'sink' | 'view'>;
  readonly writes: Histogram<'sink'>;
  readonly batchEntries: Histogram<'sink'>;
  /** From a commit to the moment when a mark past it was stored, for the first commit of each fetch: what a reader of the store waits for. */
  readonly commitToVisible: Histogram<'sink' | 'view'>;
  readonly ageSeconds: Gauge<'sink' | 'view'>;
  /** Called before `ageSeconds` is read: ages grow by themselves. */
  readonly ageSources: (() => void)[];
  readonly pendingBytes: Gauge<'sink'>;
  readonly waits: Counter<'sink' | 'kind'>;
  readonly deadLetters: Counter<'sink' | 'topic'>;
}

export function sinkMetrics(registry: Registry): SinkMetrics {
  const registers = [registry];
  const ageSources: (() => void)[] = [];
  return {
    ageSources,
    entries: new Counter({
      name: 'millrace_sink_entries_total',
      help: 'View entries written to the store',
      labelNames: ['sink', 'view'],
      registers,
    }),
    writes: new Histogram({
      name: 'millrace_sink_write_seconds',
      help: 'Time of one write',
      labelNames: ['sink'],
      buckets: latencyBuckets,
      registers,
    }),
    batchEntries: new Histogram({
      name: 'millrace_sink_batch_entries',
      help: 'Entries of one write',
      labelNames: ['sink'],
      buckets: [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000],
      registers,
    }),
    commitToVisible: new Histogram({
      name: 'millrace_sink_commit_to_visible_seconds',
      help: 'From commit to a stored mark that covers it',
      labelNames: ['sink', 'view'],
      buckets: latencyBuckets,
      registers,
    }),
    ageSeconds: new Gauge({
      name: 'millrace_sink_age_seconds',
      help: 'Now minus commit time of the least fresh partition',
      labelNames: ['sink', 'view'],
      collect: () => {
        for (const update of ageSources) update();
      },
      registers,
    }),
    pendingBytes: new Gauge({
      name: 'millrace_sink_pending_bytes',
      help: 'Read from the log and not yet handed to the store',
      labelNames: ['sink'],
      registers,
    }),
    waits: new Counter({
      name: 'millrace_sink_waits_total',
      help: 'Times that the sink stopped to wait for its store or the log',
      labelNames: ['sink', 'kind'],
      registers,
    }),
    deadLetters: new Counter({
      name: 'millrace_sink_dead_letters_total',
      help: 'Records that could not be read and went to the dead-letter topic',
      labelNames: ['sink', 'topic'],
      registers,
    }),
  };
}
