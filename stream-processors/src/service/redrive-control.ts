import { PlatformError } from '@millrace/kernel/errors';
import type { RedriveOutcome, TaskRunner } from '../runtime/index.ts';

/**
 * `POST /control/redrive` with `{processor, partition, aggregate, drop?}`: does again, or forgets, what waits for a parked aggregate. Answered when the result
 * is in the view's log. Throws `validation-failed`, `not-found` where this process does not have the task or nothing is parked, `conflict`.
 */
export function redriveAsked(
  runners: readonly TaskRunner[],
  body: Readonly<Record<string, unknown>>,
): Promise<RedriveOutcome> {
  const { processor, partition, aggregate, drop = false } = body;
  if (
    typeof processor !== 'string' ||
    typeof partition !== 'number' ||
    typeof aggregate !== 'string' ||
    typeof drop !== 'boolean'
  ) {
    throw new PlatformError('validation-failed', 'redrive takes {processor, partition, aggregate, drop?}');
  }
  const runner = runners.find((one) => one.processorName === processor && one.output.partition === partition);
  if (runner === undefined) {
    throw new PlatformError('not-found', `this process does not run ${processor}/${partition} at the moment`);
  }
  return runner.redrive(aggregate, drop);
}
