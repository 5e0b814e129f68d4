import { rangesOf, storedRecords } from '@millrace/kernel/log';
import type { LogClient, RecordView } from '@millrace/kernel/log';
import { letterOf } from './letter.ts';
import type { Letter } from './letter.ts';

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
  for (const topic of topics) {
    for await (const { partition, record } of storedRecords(log, await rangesOf(log, topic))) {
      const letter = letterOf(topic, partition, prefix, record);
      if (letter !== null) take(letter, record);
    }
  }
}
