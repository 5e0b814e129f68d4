import type { LogClient } from '@millrace/kernel/log';
import { silentLogger } from '@millrace/kernel/telemetry';
import { createChangeDecoder } from '@millrace/schemas/cdc';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { createViewCodec } from '@millrace/schemas/views';
import { TaskRunner, registerOutput } from '../runtime/index.ts';
import type { AnyProcessor, SpillSettings } from '../runtime/index.ts';
import { counter } from './counter.ts';
import { BenchRows } from './rows.ts';

export const KEYS = 200_000;

/** What every part needs. Ids of schemas are the same in every process, since they are registered in the same order. */
export interface Bench {
  readonly registry: MemoryRegistry;
  readonly rows: BenchRows;
}

export async function openBench(keys = KEYS): Promise<Bench> {
  const registry = new MemoryRegistry();
  return { registry, rows: await BenchRows.create(registry, keys) };
}

export async function openTask(
  { registry }: Pick<Bench, 'registry'>,
  log: LogClient,
  topicPrefix = '',
  partition = 0,
  partitions = 1,
  spill?: SpillSettings,
  processor: AnyProcessor = counter,
): Promise<TaskRunner> {
  const codec = await createViewCodec(registry, processor.output);
  return TaskRunner.open({
    processor,
    partition,
    partitions,
    topicPrefix,
    log,
    schemas: await registerOutput(registry, processor.output),
    codec,
    inputs: { changes: createChangeDecoder(registry), views: new Map() },
    deadLetters: { append: () => Promise.reject(new Error('a row of the bench could not be processed')) },
    logger: silentLogger(),
    ...(spill === undefined ? {} : { spill }),
    now: () => performance.timeOrigin + performance.now(),
  });
}

export const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
