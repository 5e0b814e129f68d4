import { PlatformError } from '@millrace/kernel/errors';

/** A task as the stream processors tell of it at `/status`. */
export interface TaskStatus {
  readonly processor: string;
  readonly partition: number;
  readonly output: string;
  readonly position: string;
  readonly committedAt: string | null;
  readonly lagMs: number | null;
  readonly inputs: readonly InputStatus[];
  readonly heldBackBy: string | null;
  readonly stateKeys: number;
  /** Of them on the disk of their process. */
  readonly spilledValues: number;
  readonly parked: readonly { readonly topic: string; readonly aggregate: string; readonly error: string }[];
}

/** A task whose state is being restored, as the stream processors tell of it. */
export interface RestoringTask {
  readonly task: string;
  readonly fromSnapshot: number | null;
  readonly fromStandby: number | null;
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly done: number;
  readonly leftMs: number | null;
}

/** A copy of the state of a task that another process has. */
export interface StandbyTask {
  readonly task: string;
  readonly behind: number | null;
  readonly warm: boolean;
  readonly stateKeys: number;
}

export interface InputStatus {
  readonly topic: string;
  readonly partition: number;
  readonly watermark: string;
  readonly waiting: number;
  readonly records: number;
}

/** A task, with how many records a second it read between two looks. */
export interface WatchedTask extends TaskStatus {
  readonly recordsPerSecond: number;
  /** Health port of its process. */
  readonly at: string;
}

/** Tasks whose output is the topic, of every process that answers; null where none does. */
export async function tasksWriting(urls: readonly string[], output: string): Promise<readonly TaskStatus[] | null> {
  const found = await Promise.all(
    urls.map((url) =>
      statusAt(url)
        .then(({ tasks }) => tasks ?? [])
        .catch(() => null),
    ),
  );
  return found.every((tasks) => tasks === null)
    ? null
    : found.flatMap((tasks) => (tasks ?? []).filter((task) => task.output === output));
}

/** Records that a task has read since its start. */
export const recordsOf = ({ inputs }: TaskStatus): number => inputs.reduce((sum, { records }) => sum + records, 0);

interface ProcessStatus {
  readonly tasks?: readonly TaskStatus[];
  readonly restoring?: readonly RestoringTask[];
  readonly standbys?: readonly StandbyTask[];
}

/** What a process tells. Throws `engine-unreachable` where none answers. */
async function statusAt(url: string): Promise<ProcessStatus> {
  try {
    const response = await fetch(`${url}/status`, { signal: AbortSignal.timeout(10_000) });
    return (await response.json()) as ProcessStatus;
  } catch (error) {
    throw new PlatformError('engine-unreachable', `no stream processors answer at ${url} (PROCESSORS_URLS).`, {
      cause: error,
    });
  }
}

/** The tasks that are being restored, and the standbys with where they are, in all processes, in order of name. */
export async function restoringTasks(
  urls: readonly string[],
): Promise<{ restoring: RestoringTask[]; standbys: (StandbyTask & { readonly at: string })[] }> {
  const found = await Promise.all(urls.map(async (at) => ({ at, ...(await statusAt(at)) })));
  const byName = (a: { readonly task: string }, b: { readonly task: string }): number => (a.task < b.task ? -1 : 1);
  return {
    restoring: found.flatMap(({ restoring = [] }) => restoring).sort(byName),
    standbys: found.flatMap(({ at, standbys = [] }) => standbys.map((one) => ({ ...one, at }))).sort(byName),
  };
}

/** Looks at every process twice, `apartMs` after each other. Tasks are in order of processor and partition. */
export async function watchTasks(
  urls: readonly string[],
  apartMs: number,
  wait: (ms: number) => Promise<void>,
): Promise<WatchedTask[]> {
  const first = await look(urls);
  await wait(apartMs);
  const second = await look(urls);
  return [...second]
    .map(([name, { at, task }]) => {
      const before = first.get(name);
      // One that moved or began anew meanwhile has nothing to compare with.
      const since = before === undefined || before.at !== at ? recordsOf(task) : recordsOf(before.task);
      return { ...task, at, recordsPerSecond: Math.max(0, Math.round(((recordsOf(task) - since) * 1000) / apartMs)) };
    })
    .sort((a, b) => (a.processor === b.processor ? a.partition - b.partition : a.processor < b.processor ? -1 : 1));
}

async function look(urls: readonly string[]): Promise<Map<string, { at: string; task: TaskStatus }>> {
  const found = await Promise.all(
    urls.map(async (at) => ((await statusAt(at)).tasks ?? []).map((task) => ({ at, task }))),
  );
  return new Map(found.flat().map((one) => [`${one.task.output}/${one.task.partition}/${one.at}`, one]));
}
