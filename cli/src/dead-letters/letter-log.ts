import type { LogClient, RecordView } from '@millrace/kernel/log';
import { letterOf } from './letter.ts';
import type { Letter } from './letter.ts';

const POLL_MS = 1_000;

/** Which dead-letter topics a deployment has: those of rows and of views, whatever their generation. */
export async function deadLetterTopics(log: LogClient, prefix: string): Promise<readonly string[]> {
  const topics = await log.admin.listTopics();
  return topics
    .filter((topic) => topic.startsWith(prefix) && /^(cdc|views)\..+\.dlq$/.test(topic.slice(prefix.length)))
    .sort();
}

/**
 * Every letter that is in the topics now, partition after partition, each in order; what comes while it reads may be left out. `take` may keep the
 * letter, but not the record.
 */
export async function readLetters(
  log: LogClient,
  prefix: string,
  topics: readonly string[],
  take: (letter: Letter, record: RecordView) => void,
): Promise<void> {
  const reader = log.createReader();
  try {
    for (const topic of topics) {
      for (const { partition, start, end } of await log.admin.offsets(topic)) {
        reader.assign([{ topic, partition, offset: start }]);
        for (let next = start; next < end;) {
          for (const batch of await reader.poll(POLL_MS)) {
            for (const record of batch.records) {
              const letter = record.offset < end ? letterOf(topic, partition, prefix, record) : null;
              if (letter !== null) take(letter, record);
            }
            next = batch.nextOffset;
          }
        }
        reader.unassign([{ topic, partition }]);
      }
    }
  } finally {
    await reader.close();
  }
}
