import { rm } from 'node:fs/promises';
import { openPool } from '@millrace/database/connection';
import { migrate } from '@millrace/database/migrate';
import type { LogClient } from '@millrace/kernel/log';
import { createKafkaLog } from '@millrace/kernel/log-kafka';
import { Releasers } from '@millrace/kernel/lifecycle';
import { silentLogger } from '@millrace/kernel/telemetry';
import { topicSpecs } from '@millrace/schemas/topics';
import { prepare } from '../../prepare/index.ts';
import { seedShop, traffic } from '../../shop/index.ts';
import type { TrafficTotals } from '../../shop/index.ts';
import { furtherChanges } from './further-changes.ts';
import { roadPlace } from './place.ts';
import type { RoadPlace } from './place.ts';
import { startDeployables, startEngines } from './platforms.ts';
import type { Deployable } from './platforms.ts';
import type { ProcessesUnderFire } from './processes-under-fire.ts';

/** Of a campaign on the whole road. */
export interface RoadChaosOptions {
  readonly seed: string;
  readonly kills: number;
  /** Changes a second. */
  readonly tps: number;
  readonly note: (text: string) => void;
}

export interface RoadStageOptions extends Omit<RoadChaosOptions, 'kills'> {
  /** Its folder's name begins with it. */
  readonly name: string;
  readonly firstPort: number;
  readonly deployables: readonly Deployable[];
}

const PRODUCTS = 400;
const ORDERS = 600;

/**
 * The whole road, from the tables to every store, on engines of its own: a small shop, changed from now on. Close it; its folder stays where
 * `keep` was called.
 */
export class RoadStage {
  readonly place: RoadPlace;
  readonly log: LogClient;
  readonly engines: ProcessesUnderFire;
  readonly deployables: ProcessesUnderFire;
  readonly #releasers: Releasers;
  readonly #stopTraffic = new AbortController();
  readonly #traffic: Promise<readonly [TrafficTotals, number]>;
  #keeps = false;

  private constructor(
    place: RoadPlace,
    log: LogClient,
    engines: ProcessesUnderFire,
    deployables: ProcessesUnderFire,
    releasers: Releasers,
    { seed, tps }: RoadStageOptions,
  ) {
    this.place = place;
    this.log = log;
    this.engines = engines;
    this.deployables = deployables;
    this.#releasers = releasers;
    const { databaseUrl } = place.config;
    const { signal } = this.#stopTraffic;
    this.#traffic = Promise.all([
      traffic({ tps, databaseUrl, share: 1, seed, signal }),
      furtherChanges(databaseUrl, seed, signal),
    ]);
    this.#traffic.catch(() => undefined);
  }

  static async set(options: RoadStageOptions): Promise<RoadStage> {
    const { name, firstPort, deployables, seed, note } = options;
    const releasers = new Releasers();
    try {
      const place = await roadPlace(name, firstPort);
      note(`Engines on ports ${firstPort} to ${firstPort + 199}; logs in ${place.folder}.`);
      const engines = await startEngines(place);
      releasers.push('engines', () => engines.stop());
      const { config } = place;
      const log = createKafkaLog({ brokers: config.kafkaBrokers, clientId: name, logger: silentLogger() });
      releasers.push('log', () => log.close());
      await migrate(config.databaseUrl);
      await log.admin.ensureTopics(compactedSoon(config.partitions));
      await prepare(config);
      await fillShop(config.databaseUrl, seed);
      const running = await startDeployables(place, deployables);
      releasers.push('deployables', () => running.stop());
      note('All runs; the faults begin.');
      return new RoadStage(place, log, engines, running, releasers, options);
    } catch (error) {
      await releasers.release();
      throw error;
    }
  }

  /** Ends the changes and answers how many there were, once everything works again. */
  async quiet(): Promise<number> {
    this.#stopTraffic.abort(new Error('the campaign is over'));
    const [{ done }, further] = await this.#traffic;
    await this.engines.whole();
    await this.deployables.whole();
    return done + further;
  }

  /** The folder stays for a look. */
  keep(): void {
    this.#keeps = true;
  }

  async close(): Promise<void> {
    this.#stopTraffic.abort(new Error('the campaign is over'));
    await this.#traffic.catch(() => undefined);
    await this.#releasers.release();
    if (!this.#keeps) await rm(this.place.folder, { recursive: true, force: true });
  }
}

/** Records are compacted while the campaign goes on; a live reader has a minute. Segments roll seldom: each costs the broker several syncs. */
const COMPACTION = {
  'segment.ms': '30000',
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '60000',
  'max.compaction.lag.ms': '90000',
};

function compactedSoon(partitions: number): ReturnType<typeof topicSpecs> {
  return topicSpecs('', partitions).map((spec) => {
    const compaction = spec.config?.['cleanup.policy'] === 'compact' ? COMPACTION : {};
    return { ...spec, config: { ...spec.config, ...compaction } };
  });
}

async function fillShop(databaseUrl: string, seed: string): Promise<void> {
  const pool = openPool({ connectionString: databaseUrl, max: 2 });
  try {
    await seedShop(pool, { products: PRODUCTS, orders: ORDERS, seed });
  } finally {
    await pool.end();
  }
}
