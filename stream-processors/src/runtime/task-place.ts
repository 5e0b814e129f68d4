import { PlatformError } from '@millrace/kernel/errors';
import type { TopicPartition } from '@millrace/kernel/log';
import type { AnyProcessor, InputSpec } from './processor.ts';
import type { Restored } from './restore.ts';
import type { RunnerOptions } from './runner.ts';
import type { TaskInput } from './task-options.ts';

type Place = Pick<RunnerOptions, 'processor' | 'partition' | 'partitions' | 'topicPrefix'>;

export function outputOf({ processor, partition, topicPrefix }: Omit<Place, 'partitions'>): TopicPartition {
  return { topic: topicPrefix + processor.output, partition };
}

/** One writer per task log, so that a task may move to another process on its own. */
export function taskName(options: Place): string {
  const { topic, partition } = outputOf(options);
  return `${topic}/${partition}`;
}

export function inputsOf({
  processor,
  partition,
  partitions,
  topicPrefix,
}: Place): (TaskInput & { spec: InputSpec })[] {
  return processor.inputs.flatMap((spec) => {
    const topic = topicPrefix + spec.topic;
    if (spec.topic === 'cdc.reference') return [{ topic, partition: 0, spec }];
    if (spec.partitions !== 'all') return [{ topic, partition, spec }];
    return Array.from({ length: partitions }, (_, at) => ({ topic, partition: at, spec }));
  });
}

/** @throws `state-outdated` where what was restored is of another version of the processor, or of other inputs. */
export function refuseOther(
  name: string,
  processor: AnyProcessor,
  inputs: readonly TaskInput[],
  { position }: Restored,
): void {
  if (position === null) return;
  const known = (input: TaskInput): boolean =>
    position.inputs.some(({ topic, partition }) => topic === input.topic && partition === input.partition);
  if (position.stateVersion === processor.stateVersion && inputs.every(known)) return;
  throw new PlatformError(
    'state-outdated',
    `the state of ${name} is of version ${position.stateVersion}, this release has version ${processor.stateVersion} or other inputs: \`millrace rebuild ${processor.name.replace(/\..*/, '')} --from cdc\` makes it anew beside it`,
  );
}
