import { PlatformError } from '@millrace/kernel/errors';
import { withoutPrefix } from './letter.ts';

/** An aggregate whose rows wait in the dead-letter topic, as its task tells of it. */
export interface ParkedAggregate {
  readonly processor: string;
  readonly partition: number;
  /** Of the input, without prefix. */
  readonly topic: string;
  readonly aggregate: string;
  readonly sinceLsn: string;
  readonly error: string;
  readonly records: number;
  /** Health port of the task's process. */
  readonly at: string;
}

interface Status {
  readonly tasks?: readonly {
    readonly processor: string;
    readonly partition: number;
    readonly parked: readonly Omit<ParkedAggregate, 'processor' | 'partition' | 'at'>[];
  }[];
}

/** What is parked in all of the processes. Throws `engine-unreachable` where one of them does not answer: it may hold what is asked for. */
export async function parkedAggregates(urls: readonly string[], prefix: string): Promise<ParkedAggregate[]> {
  const all = await Promise.all(
    urls.map(async (at) => {
      const { tasks = [] } = await statusAt(at);
      return tasks.flatMap(({ processor, partition, parked }) =>
        parked.map(({ topic, aggregate, sinceLsn, error, records }) => ({
          ...{ processor, partition, aggregate, sinceLsn, error, records, at },
          topic: withoutPrefix(topic, prefix),
        })),
      );
    }),
  );
  return all.flat();
}

async function statusAt(url: string): Promise<Status> {
  try {
    const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(10_000) });
    return (await response.json()) as Status;
  } catch (error) {
    throw new PlatformError('engine-unreachable', `no stream processors answer at ${url} (PROCESSORS_URLS).`, {
      cause: error,
    });
  }
}
