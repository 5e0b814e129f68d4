import { Counter, Gauge } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';
import type { WatchPass } from './watch.ts';

/** What a watch says of drift; labels `view` and `store`, and `kind` missing, extra or different. */
export class DriftMetrics {
  readonly #checked: Counter<'view' | 'store'>;
  readonly #drift: Gauge<'view' | 'store' | 'kind'>;
  readonly #late: Gauge<'view' | 'store'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#checked = new Counter({
      name: 'millrace_verify_checked_total',
      help: 'Documents compared with Postgres',
      labelNames: ['view', 'store'],
      registers,
    });
    this.#drift = new Gauge({
      name: 'millrace_verify_drift',
      help: 'Documents of the last pass that differ from Postgres',
      labelNames: ['view', 'store', 'kind'],
      registers,
    });
    this.#late = new Gauge({
      name: 'millrace_verify_late',
      help: '1 where the view did not reach the pinned position in time in the last pass',
      labelNames: ['view', 'store'],
      registers,
    });
  }

  take({ reports, late }: WatchPass): void {
    for (const { view, store, checked, missing, extra, different } of reports) {
      this.#checked.inc({ view, store }, checked);
      for (const [kind, count] of Object.entries({ missing, extra, different })) {
        this.#drift.set({ view, store, kind }, count);
      }
      this.#late.set({ view, store }, 0);
    }
    for (const { view, store } of late) this.#late.set({ view, store }, 1);
  }
}
