import type { MemoryLog } from '@millrace/kernel/log-memory';
import type { TopicPartition } from '@millrace/kernel/log';
import { isOwnKey } from '@millrace/schemas/markers';
import { aggregateOf } from '../runtime/element.ts';
import { restore } from '../runtime/restore.ts';
import { PARTITIONS } from './books.ts';
import type { Books } from './books.ts';
import type { Place } from './place.ts';

/** What a log was given, and the state that a restart would find in it, by `<topic>/<partition>`. */
export interface Outcome {
  readonly entries: ReadonlyMap<string, readonly string[]>;
  readonly states: ReadonlyMap<string, string>;
}

export const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Everything once, in order, with nothing going wrong: what every other run must come to. */
export async function sequential(place: Place, books: Books): Promise<Outcome> {
  const log = place.newLog();
  const written = new Written(log);
  const source = await openSource(log);
  for (const [partition, appends] of books.appends.entries()) {
    for (const records of appends) await source.append([{ topic: 'cdc.catalog', partition, records }]);
  }
  for (const task of place.tasks) {
    const runner = await place.openTask(task, log, () => 0, { watermarkMs: 0 });
    while (await runner.step());
    await runner.close();
  }
  return { entries: written.entries, states: await statesOf(place, log) };
}

export function openSource(log: MemoryLog) {
  return log.openWriter({
    name: 'source',
    partitions: Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: 'cdc.catalog', partition })),
    barrier: () => ({ key: Buffer.from('_barrier'), value: null }),
  });
}

/** Notes every entry that the views are given, also those that compaction takes away later. */
export class Written {
  readonly entries = new Map<string, string[]>();

  constructor(log: MemoryLog) {
    log.hooks = {
      afterAppend: ({ batches }) => {
        for (const batch of batches) {
          if (!batch.topic.startsWith('views.')) continue;
          const list = this.entries.get(nameOf(batch)) ?? [];
          this.entries.set(nameOf(batch), list);
          for (const { key, value } of batch.records) {
            if (key === null || key[0] === 0x5f) continue;
            list.push(
              `${Buffer.from(key).toString('latin1')}=${value === null ? '' : Buffer.from(value).toString('latin1')}`,
            );
          }
        }
      },
    };
  }
}

/** Aggregates of which something is in a dead-letter topic. */
export function parkedEver(place: Place, log: MemoryLog): Set<string> {
  const parked = new Set<string>();
  for (const topic of new Set(place.tasks.flatMap(({ processor }) => processor.inputs.map((input) => input.topic)))) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const { key } of log.records(`${topic}.dlq`, partition)) {
        if (key === null || isOwnKey(key)) continue;
        // Where no row is at fault, the key is the aggregate itself.
        parked.add(aggregateOf(key) ?? key.toString('utf8'));
      }
    }
  }
  return parked;
}

export async function statesOf(place: Place, log: MemoryLog): Promise<Map<string, string>> {
  const states = new Map<string, string>();
  for (const task of place.tasks) {
    const { topic, partition } = task;
    const bounds = (await log.admin.offsets(topic))[partition];
    const records = place.schemas.get(topic)?.records;
    const codec = place.codecs.get(topic);
    if (bounds === undefined || records === undefined || codec === undefined) continue;
    const end = { topic, partition, barrierOffset: bounds.end, startOffset: bounds.start };
    const { values } = await restore(log.createReader(), end, records, codec);
    const sorted = [...values].sort(([a], [b]) => (a < b ? -1 : 1));
    states.set(nameOf(task), JSON.stringify(sorted));
  }
  return states;
}
