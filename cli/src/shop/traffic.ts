import { setTimeout as sleep } from 'node:timers/promises';
import { openPool } from '@millrace/database/connection';
import { PlatformError } from '@millrace/kernel/errors';
import { randomOf } from './random.ts';
import { ApiTarget } from './traffic-api.ts';
import { dueAfter, dueAt, nextStep } from './traffic-plan.ts';
import type { Action } from './traffic-plan.ts';
import { SqlTarget } from './traffic-sql.ts';
import { perform } from './traffic-steps.ts';
import type { TrafficTarget } from './traffic-target.ts';
import { Tally } from './traffic-totals.ts';
import type { TrafficTotals } from './traffic-totals.ts';
import { readWorld } from './traffic-world.ts';
import type { World } from './traffic-world.ts';

export interface TrafficOptions {
  /** Changes a second, above 0; fractions are slower than one a second. */
  readonly tps: number;
  /** How long; left out: until `signal` stops it. */
  readonly seconds?: number;
  readonly databaseUrl: string;
  /** Where the API is; may be left out where `share` is 1. */
  readonly apiUrl?: string;
  /** Part of the changes made by plain SQL, as other programs make them; default 0.3. */
  readonly share?: number;
  /** Default `millrace`. Says what is changed and in which order; what comes of it depends on the shop. */
  readonly seed?: string;
  readonly signal?: AbortSignal;
  /** Called once a second with the totals so far. */
  readonly onProgress?: (totals: TrafficTotals) => void;
}

const maxUnderWay = 64;
const defaultShare = 0.3;

/**
 * Changes the shop at a steady rate until its time is over or it is stopped, then waits for what is under way and answers the
 * totals. The rate does not depend on how fast answers come: what cannot begin because too much is under way is counted as
 * late. Errors, an unreachable API or database among them, are counted and told, never thrown: the next change tries again.
 * Throws `config-invalid` for options that make no sense.
 */
export async function traffic(options: TrafficOptions): Promise<TrafficTotals> {
  const { tps, seconds = Infinity, signal, share = defaultShare, seed = 'millrace' } = options;
  checkOptions(options, share);
  const pool = openPool({
    connectionString: options.databaseUrl,
    application_name: 'millrace-traffic',
    max: 8,
    connectionTimeoutMillis: 5000,
    statement_timeout: 10_000,
  });
  const targets = {
    sql: new SqlTarget(pool),
    api: options.apiUrl === undefined ? undefined : new ApiTarget(options.apiUrl),
  };
  const tally = new Tally();
  const random = randomOf(seed, 'traffic');
  const readShop = retriedUntilRead(() => readWorld(pool, seed));
  const underWay = new Set<Promise<void>>();
  const begin = () => {
    const { action, via } = nextStep(random, share);
    const change = oneChange(action, via, targets[via] ?? targets.sql);
    underWay.add(change);
    void change.finally(() => underWay.delete(change));
  };
  const oneChange = async (action: Action, via: 'sql' | 'api', target: TrafficTarget): Promise<void> => {
    try {
      const world = await readShop();
      tally.count(action, via, await perform(action, target, world, random));
    } catch (error) {
      tally.count(action, via, 'errors');
      tally.error(error);
    }
  };

  const report = options.onProgress;
  const reporting = report === undefined ? undefined : setInterval(() => report(tally.totals()), 1000);
  try {
    const startedAt = performance.now();
    const elapsed = () => performance.now() - startedAt;
    for (let begun = 0; signal?.aborted !== true && elapsed() < seconds * 1000;) {
      const due = Math.min(dueAfter(elapsed(), tps), Math.ceil(seconds * tps));
      for (; begun < due && underWay.size < maxUnderWay; begun += 1) begin();
      tally.late(Math.max(0, due - begun));
      begun = Math.max(begun, due);
      const until = Math.min(dueAt(begun, tps), seconds * 1000);
      await sleep(Math.max(1, until - elapsed()), undefined, signal === undefined ? {} : { signal }).catch(
        () => undefined,
      );
    }
    await Promise.all(underWay);
  } finally {
    clearInterval(reporting);
    await pool.end();
  }
  return tally.totals();
}

function checkOptions({ tps, seconds, apiUrl }: TrafficOptions, share: number): void {
  const problems = [
    ...(tps > 0 && Number.isFinite(tps) ? [] : ['tps must be above 0']),
    ...(seconds === undefined || seconds > 0 ? [] : ['seconds must be above 0']),
    ...(share >= 0 && share <= 1 ? [] : ['share must be from 0 to 1']),
    ...(share < 1 && apiUrl === undefined ? ['apiUrl is needed unless share is 1'] : []),
  ];
  if (problems.length > 0) throw new PlatformError('config-invalid', `traffic: ${problems.join('; ')}`);
}

/** Reads once; a read that fails fails for all who wait for it, and the next one tries again. */
function retriedUntilRead(read: () => Promise<World>): () => Promise<World> {
  let reading: Promise<World> | undefined;
  return () => {
    reading ??= read().catch((error: unknown) => {
      reading = undefined;
      throw error;
    });
    return reading;
  };
}
