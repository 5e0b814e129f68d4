import { Counter, Gauge, Histogram, latencyBuckets } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';
import type { RunnerEvents } from '../runtime/index.ts';
import type { StandbyStatus, TaskStatus } from './status.ts';

const labelNames = ['processor', 'partition'] as const;

/** Names and labels of this deployable's metrics; labels are bounded by processors × partitions. */
export class ProcessorMetrics {
  readonly #results: Counter<'processor' | 'partition'>;
  readonly #records: Counter<'processor' | 'partition'>;
  readonly #commitToView: Histogram<'processor'>;
  readonly #hop: Histogram<'processor'>;

  constructor(
    registry: Registry,
    status: () => { readonly tasks: readonly TaskStatus[]; readonly standbys: readonly StandbyStatus[] },
  ) {
    const registers = [registry];
    this.#results = new Counter({
      name: 'millrace_processor_results_total',
      help: 'Record batches appended to the output log',
      labelNames,
      registers,
    });
    this.#records = new Counter({
      name: 'millrace_processor_records_total',
      help: 'Records appended to the output log, state and markers included',
      labelNames,
      registers,
    });
    this.#commitToView = new Histogram({
      name: 'millrace_processor_commit_to_view_seconds',
      help: "From the newest commit's time to the acknowledged append of its entries",
      labelNames: ['processor'],
      buckets: latencyBuckets,
      registers,
    });
    this.#hop = new Histogram({
      name: 'millrace_processor_hop_seconds',
      help: 'From input in hand to acknowledged append',
      labelNames: ['processor'],
      buckets: latencyBuckets,
      registers,
    });
    const gauge = (name: string, help: string, value: (task: TaskStatus) => number | null): void => {
      const found: Gauge<'processor' | 'partition'> = new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect: () => {
          for (const task of status().tasks) {
            const { processor, partition } = task;
            found.set({ processor, partition: String(partition) }, value(task) ?? 0);
          }
        },
      });
    };
    gauge(
      'millrace_processor_lag_seconds',
      'Age of the newest commit in the output',
      ({ lagMs }) => (lagMs ?? 0) / 1000,
    );
    gauge('millrace_processor_state_keys', 'Keys held in stores', ({ stateKeys }) => stateKeys);
    gauge(
      'millrace_processor_state_spilled',
      'Values that the local disk holds, since memory has no room',
      ({ spilledValues }) => spilledValues,
    );
    gauge('millrace_processor_parked', 'Parked aggregates', ({ parked }) => parked.length);
    gauge('millrace_processor_repeated', 'Input records dropped because their position was known', ({ inputs }) =>
      inputs.reduce((sum, { repeated }) => sum + repeated, 0),
    );
    const behind: Gauge<'task'> = new Gauge({
      name: 'millrace_processor_standby_behind',
      help: "Records of a task's log, near enough, that the standby in this process has not read",
      labelNames: ['task'],
      registers,
      collect: () => {
        behind.reset();
        for (const one of status().standbys) if (one.behind !== null) behind.set({ task: one.task }, one.behind);
      },
    });
  }

  of(processor: string, partition: number): RunnerEvents {
    const labels = { processor, partition: String(partition) };
    return {
      appended: (records, changes, lagMs, hopMs) => {
        this.#results.inc(labels);
        this.#records.inc(labels, records);
        if (!changes) return;
        this.#commitToView.observe({ processor }, Math.max(0, lagMs) / 1000);
        this.#hop.observe({ processor }, Math.max(0, hopMs) / 1000);
      },
      parked: () => undefined,
    };
  }
}
