import { Gauge } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';

interface Progress {
  readonly rows: number;
  readonly etaSeconds: number | null;
}

export interface ProgressSources {
  readonly snapshot: () => (Progress & { readonly estimatedRows: number | null }) | null;
  readonly resnapshot: () => (Progress & { readonly deleted: number }) | null;
  readonly paused: () => boolean;
}

/** How far the first snapshot and the re-snapshot at work are. What is not known is -1. */
export function createProgressMetrics(registry: Registry, { snapshot, resnapshot, paused }: ProgressSources): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name: `millrace_capture_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  };
  gauge(
    'snapshot_estimated_rows',
    "Rows of the first snapshot by the planner's statistics",
    () => snapshot()?.estimatedRows ?? -1,
  );
  gauge('snapshot_eta_seconds', 'Time that the first snapshot has to go', () => snapshot()?.etaSeconds ?? -1);
  gauge('resnapshot_running', '1 while tables are read again', () => (resnapshot() === null ? 0 : 1));
  gauge('resnapshot_rows', 'Rows that the re-snapshot at work has published', () => resnapshot()?.rows ?? 0);
  gauge('resnapshot_deletes', 'Deletes that the re-snapshot at work has published', () => resnapshot()?.deleted ?? 0);
  gauge('resnapshot_eta_seconds', 'Time that the re-snapshot at work has to go', () => resnapshot()?.etaSeconds ?? -1);
  gauge('paused', '1 while the operator holds the stream', () => Number(paused()));
}
