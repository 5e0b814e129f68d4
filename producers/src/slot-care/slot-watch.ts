import { Gauge } from '@millrace/kernel/telemetry';
import type { Logger, Registry } from '@millrace/kernel/telemetry';
import type pg from 'pg';

/** `warning` from 50 % of the WAL budget on, `critical` from 80 % on, `lost` where Postgres gives nothing of it any more. */
export type SlotAlarm = 'none' | 'warning' | 'critical' | 'lost';

export interface SlotHealth {
  /** `missing` where there is no such slot. */
  readonly walStatus: string;
  readonly active: boolean;
  /** WAL that Postgres keeps for the slot. */
  readonly retainedBytes: number;
  /** Written and not confirmed. */
  readonly lagBytes: number;
  readonly budgetBytes: number;
  readonly alarm: SlotAlarm;
  readonly failover: boolean;
  /** Slots of standbys that Postgres waits for before it sends us a commit; '' where it waits for none. */
  readonly synchronizedStandbySlots: string;
}

interface SlotHealthRow {
  readonly wal_status: string | null;
  readonly active: boolean | null;
  readonly retained: number | null;
  readonly lag: number | null;
  readonly failover: boolean | null;
  readonly keep_mb: number;
  readonly standby_slots: string;
}

const HEALTH_QUERY = `
  select s.wal_status, s.active, coalesce((to_jsonb(s) ->> 'failover')::boolean, false) as failover,
         pg_wal_lsn_diff(here.lsn, s.restart_lsn)::float8 as retained,
         pg_wal_lsn_diff(here.lsn, s.confirmed_flush_lsn)::float8 as lag,
         (select setting::int8::float8 from pg_settings where name = 'max_slot_wal_keep_size') as keep_mb,
         coalesce(current_setting('synchronized_standby_slots', true), '') as standby_slots
  from (select pg_current_wal_insert_lsn() as lsn) here left join pg_replication_slots s on s.slot_name = $1`;

const MIB = 1_048_576;
/** Where nothing limits what the slot retains, the disk does. */
const UNLIMITED_BUDGET_BYTES = 10 * 1_024 * MIB;

export async function slotHealth(client: pg.Client, slot: string, budgetBytes: number): Promise<SlotHealth> {
  const { rows } = await client.query<SlotHealthRow>(HEALTH_QUERY, [slot]);
  const row = rows[0];
  const walStatus = row?.wal_status ?? 'missing';
  const retainedBytes = Math.max(0, row?.retained ?? 0);
  const budget = budgetBytes > 0 ? budgetBytes : walKeepBytes(row?.keep_mb ?? -1);
  return {
    walStatus,
    active: row?.active ?? false,
    retainedBytes,
    lagBytes: Math.max(0, row?.lag ?? 0),
    budgetBytes: budget,
    alarm: alarmOf(walStatus, retainedBytes, budget),
    failover: row?.failover ?? false,
    synchronizedStandbySlots: row?.standby_slots ?? '',
  };
}

function walKeepBytes(megabytes: number): number {
  return megabytes < 0 ? UNLIMITED_BUDGET_BYTES : megabytes * MIB;
}

export function alarmOf(walStatus: string, retainedBytes: number, budgetBytes: number): SlotAlarm {
  if (walStatus === 'lost') return 'lost';
  if (retainedBytes >= 0.8 * budgetBytes) return 'critical';
  return retainedBytes >= 0.5 * budgetBytes ? 'warning' : 'none';
}

const alarms: readonly SlotAlarm[] = ['none', 'warning', 'critical', 'lost'];

/** One sentence with what to do; null without an alarm. */
export function alarmText(slot: string, { alarm, retainedBytes, budgetBytes }: SlotHealth): string | null {
  if (alarm === 'none') return null;
  if (alarm === 'lost') return `Postgres has invalidated replication slot ${slot}: run \`millrace capture heal\``;
  const share = `${Math.round((100 * retainedBytes) / budgetBytes)} % of its WAL budget (${mib(retainedBytes)} of ${mib(budgetBytes)})`;
  return `replication slot ${slot} retains ${share}: see why the capture is behind (\`millrace capture status\`), or raise max_slot_wal_keep_size`;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

export interface SlotWatchOptions {
  readonly client: pg.Client;
  readonly slot: string;
  /** 0: what the server allows. */
  readonly budgetBytes: number;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Registry;
  /** Whether failover was asked for: then it is said once where Postgres does not wait for the standbys. */
  readonly failover: boolean;
}

/** Looks at the slot from time to time: metrics, and an alarm in the log whenever its level changes. A look that fails is made again. */
export class SlotWatch {
  readonly #options: SlotWatchOptions;
  readonly #timer: NodeJS.Timeout;
  #health: SlotHealth | null = null;
  #looking = false;
  #saidStandbys = false;

  constructor(options: SlotWatchOptions) {
    this.#options = options;
    registerGauges(options.metrics, () => this.#health);
    this.#timer = setInterval(() => void this.look(), options.everyMs);
  }

  /** As last seen; null before the first look. */
  get health(): SlotHealth | null {
    return this.#health;
  }

  /** The alarm as one sentence; null without one. */
  get alarm(): string | null {
    return this.#health === null ? null : alarmText(this.#options.slot, this.#health);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      const health = await slotHealth(this.#options.client, this.#options.slot, this.#options.budgetBytes);
      const before = this.#health?.alarm ?? 'none';
      this.#health = health;
      if (health.alarm !== before) this.#say(health);
      this.#sayStandbys(health);
    } catch {
      // A broken connection is told by whoever opened it.
    } finally {
      this.#looking = false;
    }
  }

  #say(health: SlotHealth): void {
    const { logger, slot } = this.#options;
    const text = alarmText(slot, health);
    if (text === null) logger.info({ slot, ...health }, `replication slot ${slot} is within its WAL budget again`);
    else if (health.alarm === 'warning') logger.warn({ slot, ...health }, text);
    else logger.error({ slot, ...health }, text);
  }

  #sayStandbys({ failover, synchronizedStandbySlots }: SlotHealth): void {
    if (!this.#options.failover || !failover || synchronizedStandbySlots !== '' || this.#saidStandbys) return;
    this.#saidStandbys = true;
    this.#options.logger.warn(
      { slot: this.#options.slot },
      'synchronized_standby_slots is empty: the log may be ahead of a standby that is promoted, and then needs healing; name the physical slots of the standbys there',
    );
  }
}

function registerGauges(registry: Registry, health: () => SlotHealth | null): void {
  const gauge = (name: string, help: string, value: (of: SlotHealth) => number): void => {
    new Gauge({
      name: `millrace_capture_slot_${name}`,
      help,
      registers: [registry],
      collect() {
        const now = health();
        if (now !== null) this.set(value(now));
      },
    });
  };
  gauge('retained_bytes', 'WAL that Postgres keeps for the slot', ({ retainedBytes }) => retainedBytes);
  gauge('lag_bytes', 'WAL written and not confirmed by the slot', ({ lagBytes }) => lagBytes);
  gauge('budget_bytes', 'WAL the slot may retain', ({ budgetBytes }) => budgetBytes);
  gauge('active', '1 while a producer streams from the slot', ({ active }) => Number(active));
  gauge('alarm', '0 none, 1 from half of the budget, 2 from 80 %, 3 invalidated', ({ alarm }) => alarms.indexOf(alarm));
}
