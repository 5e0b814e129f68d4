import { randomBytes } from 'node:crypto';
import { connect } from '@millrace/database/connection';
import type { TopicSpec } from '@millrace/kernel/log';
import { createEventDecoder } from '@millrace/schemas/events';
import { topicSpecs } from '@millrace/schemas/topics';
import { PlainConsumer, plainDecoder } from '../plain-consumer.ts';
import { openPlace } from '../place.ts';
import type { ChaosEngines, ChaosPlace } from '../place.ts';
import { committedSteps, prepareAudit } from './audit.ts';
import { AuditedWriters } from './audited-writers.ts';
import { compareSteps } from './compare.ts';
import { LeftInLog } from './left-in-log.ts';
import { Received } from './received.ts';
import { outboxRows, prepareSource, settled } from './source.ts';

export interface StageOptions {
  readonly engines: ChaosEngines;
  readonly seed: string;
  readonly writers?: number;
  /** Rows there are before the first snapshot. */
  readonly rows?: number;
}

/** What was committed against what came. */
export interface Verdict {
  readonly transactions: number;
  readonly committedSteps: number;
  /** Steps of a parked table; the rows were read again when it was resumed. */
  readonly leftOutWhileParked: number;
  readonly recordsRead: number;
  readonly rowsReadAgain: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly invented: number;
  /** Rows whose last record in the compacted log is not what the table holds. */
  readonly differentAtEnd: number;
  /** Records that a reader of the whole log still finds; fewer than were read where compaction has run. */
  readonly recordsLeft: number;
  /** Rows that the outbox was left with. */
  readonly outboxLeft: number;
  /** The first of each kind. */
  readonly findings: readonly string[];
  readonly passed: boolean;
}

const AGGREGATES = 60;
const SHOWN = 10;
const CATCH_UP_MS = 120_000;
/** Segments roll and compaction runs all the time; the live reader has a minute before a record may go. */
const COMPACTION = {
  'segment.ms': '5000',
  'segment.bytes': '1048576',
  'min.cleanable.dirty.ratio': '0.01',
  'min.compaction.lag.ms': '60000',
  'max.compaction.lag.ms': '90000',
};

/**
 * Where a capture is tried: a database with audited writers, who write from now on, topics, and a plain consumer of them that knows nothing of
 * positions. Close it.
 */
export class Stage {
  readonly place: ChaosPlace;
  readonly aggregates: readonly string[];
  readonly writers: AuditedWriters;
  readonly consumer: PlainConsumer;
  readonly #received: Received;

  private constructor(
    place: ChaosPlace,
    aggregates: readonly string[],
    writers: AuditedWriters,
    consumer: PlainConsumer,
    received: Received,
  ) {
    this.place = place;
    this.aggregates = aggregates;
    this.writers = writers;
    this.consumer = consumer;
    this.#received = received;
  }

  static async set({ engines, seed, writers = 4, rows = 20_000 }: StageOptions): Promise<Stage> {
    const place = await openPlace(engines, `chaos_${randomBytes(5).toString('hex')}`);
    try {
      await prepareSource(engines.databaseUrl, place);
      await place.log.admin.ensureTopics(topicsOf(place));
      const aggregates = await prepareAudit(place.databaseUrl, AGGREGATES, rows);
      const received = new Received();
      const consumer = await follow(place, received);
      return new Stage(
        place,
        aggregates,
        new AuditedWriters(place.databaseUrl, aggregates, seed, writers),
        consumer,
        received,
      );
    } catch (error) {
      await place.close();
      throw error;
    }
  }

  /**
   * Ends the writers, waits until all is in the log and read, and compares every committed row and its order with what the consumer got.
   * @param streaming resolves once a producer streams; asked again and again.
   * @param problems what was found before.
   */
  async judge(streaming: () => Promise<unknown>, problems: readonly string[]): Promise<Verdict> {
    const { place, writers, consumer } = this;
    await writers.stop();
    await settled(place, streaming);
    await consumer.caughtUp(CATCH_UP_MS);
    const outboxLeft = await outboxRows(place);
    await consumer.stop();
    const client = await connect(place.databaseUrl);
    const committed = await committedSteps(client).finally(() => client.end());
    const { lost, duplicated, reordered, invented, ...compared } = compareSteps(committed, this.#received.partitions);
    const left = await LeftInLog.read(place);
    const different = await left.differences(place.databaseUrl);
    const found = {
      lost,
      duplicated,
      reordered,
      invented,
      problems: [...this.#received.problems, ...different, ...problems],
    };
    return {
      transactions: writers.committed,
      committedSteps: compared.committed,
      leftOutWhileParked: compared.leftOut,
      recordsRead: this.#received.records,
      rowsReadAgain: this.#received.readAgain,
      lost: lost.length,
      duplicated: duplicated.length,
      reordered: reordered.length,
      invented: invented.length,
      differentAtEnd: different.length,
      recordsLeft: left.records,
      outboxLeft,
      findings: Object.entries(found).flatMap(([kind, all]) => all.slice(0, SHOWN).map((what) => `${kind}: ${what}`)),
      passed: Object.values(found).every((all) => all.length === 0) && outboxLeft === 0,
    };
  }

  /** Ends whoever still works, and removes all of it. The producers are to be ended before. */
  async close(): Promise<void> {
    await this.consumer.stop().catch(() => undefined);
    await this.writers.stop().catch(() => undefined);
    await this.place.close();
  }
}

/** The capture's topics, their compaction never at rest. */
function topicsOf({ topicPrefix, partitionCount }: ChaosPlace): TopicSpec[] {
  return topicSpecs(topicPrefix, partitionCount)
    .filter(({ topic }) => /^(cdc|events)\.(?!.*\.dlq$)/.test(topic.slice(topicPrefix.length)))
    .map((spec) => {
      const compaction = spec.config?.['cleanup.policy'] === 'compact' ? COMPACTION : {};
      return { ...spec, config: { ...spec.config, ...compaction } };
    });
}

async function follow(place: ChaosPlace, received: Received): Promise<PlainConsumer> {
  const decodeChange = plainDecoder(place.registry);
  const decodeEvent = createEventDecoder(place.registry);
  const consumer = new PlainConsumer(place.log, async (record) => {
    if (record.value === null) return;
    const name = record.topic.slice(place.topicPrefix.length);
    if (name.startsWith('cdc.')) received.change(record, await decodeChange(record.value));
    else if (name.startsWith('events.')) {
      const { payload } = await decodeEvent(record.value);
      const { version } = JSON.parse(String(payload)) as { version: number };
      received.event(record, name === 'events.other' ? 'customer' : name.slice('events.'.length), version);
    }
  });
  const partitions = await place.partitions();
  consumer.start(partitions.filter(({ topic }) => /^(cdc|events)\./.test(topic.slice(place.topicPrefix.length))));
  return consumer;
}
