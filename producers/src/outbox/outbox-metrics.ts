import { Counter } from '@millrace/kernel/telemetry';
import type { Registry } from '@millrace/kernel/telemetry';

/** What the outbox measures; names as the runbook uses them. */
export interface OutboxMetrics {
  /** Events written with the generic schema: their name has no schema of its own, or their payload does not fit it. */
  readonly generic: Counter;
  /** Rows deleted from the outbox, their events being in the log. */
  readonly emptied: Counter;
}

export function createOutboxMetrics(registry: Registry): OutboxMetrics {
  const registers = [registry];
  return {
    generic: new Counter({
      name: 'millrace_outbox_generic_events_total',
      help: 'Events written with the generic schema',
      registers,
    }),
    emptied: new Counter({
      name: 'millrace_outbox_emptied_rows_total',
      help: 'Outbox rows deleted after their events were in the log',
      registers,
    }),
  };
}
