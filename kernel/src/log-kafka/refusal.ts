import { PlatformError } from '../errors/index.ts';
import { errorCode, errorName } from './error-codes.ts';
import type { EncodedBatch } from './produce.ts';

/** What a writer's user is told when the broker has refused a batch for good. */
export function refusal(
  { writer, epoch }: { readonly writer: string; readonly epoch: number },
  { topic, partition, encoded }: EncodedBatch,
  code: number,
): PlatformError {
  const where = `${topic}/${partition} (writer ${writer}, epoch ${epoch})`;
  switch (code) {
    case errorCode.invalidProducerEpoch:
    case errorCode.producerFenced:
      return new PlatformError('log-fenced', `A newer writer owns ${where}.`);
    case errorCode.messageTooLarge:
    case errorCode.recordListTooLarge:
      return new PlatformError('log-record-too-large', `A batch of ${encoded.length} bytes is too large for ${where}.`);
    case errorCode.outOfOrderSequence:
    case errorCode.unknownProducerId:
      return new PlatformError('log-unknown-outcome', `Kafka lost the sequence of ${where}: ${errorName(code)}.`);
    default:
      return new PlatformError('internal', `Kafka refused a batch for ${where}: ${errorName(code)}.`);
  }
}

/** And when answers and repetitions have both failed to come. */
export function unsettled(name: string, reason: unknown): PlatformError {
  const message = reason instanceof Error ? reason.message : String(reason);
  return new PlatformError('log-unknown-outcome', `Appends of ${name} were not answered in time: ${message}`, {
    cause: reason,
  });
}
