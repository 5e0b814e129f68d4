import type { FetchedBatch } from '@millrace/kernel/log';
import type { MemoryLog, StoredRecord } from '@millrace/kernel/log-memory';
import type { TaskRunner } from '../runtime/index.ts';

/** Hands a task its inputs in chunks and turns that chance decides, so that nothing can depend on when what arrives. */
export async function feedByChance(
  log: MemoryLog,
  runner: TaskRunner,
  pick: (below: number) => number,
  most = 12,
): Promise<void> {
  const inputs = runner.inputs.map((input) => ({
    ...input,
    records: log.records(input.topic, input.partition),
    at: 0,
  }));
  for (let open = [...inputs]; open.length > 0; open = open.filter(({ at, records }) => at < records.length)) {
    const input = open[pick(open.length)];
    if (input === undefined || input.at === input.records.length) continue;
    const chunk = input.records.slice(input.at, input.at + 1 + pick(most));
    input.at += chunk.length;
    await runner.turn([batchOf(input, chunk)]);
  }
  await runner.settled();
}

function batchOf(
  { topic, partition }: { topic: string; partition: number },
  chunk: readonly StoredRecord[],
): FetchedBatch {
  const nextOffset = (chunk.at(-1)?.offset ?? -1n) + 1n;
  return { topic, partition, records: chunk, nextOffset, highWatermark: nextOffset, byteLength: 0 };
}
