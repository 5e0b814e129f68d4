import type { System } from './explore.ts';
import { compact, restore, resultBatches, script, wrongState } from './task-log.ts';
import type { Batch, Log, LogFaults, Restored, Script } from './task-log.ts';

/** Ways to get the protocol wrong; each must be found. */
export interface Faults extends LogFaults {
  /** The broker takes batches of older epochs. */
  readonly noFence?: boolean;
  /** A writer restores as soon as it has its epoch, and appends no barrier. */
  readonly noBarrier?: boolean;
  /** A writer restores while its barrier is still on its way. */
  readonly readsBeforeBarrier?: boolean;
  /** The broker takes a batch again that it has. */
  readonly noSequence?: boolean;
  /** What got no answer is sent again as something new. */
  readonly newSequenceOnRetry?: boolean;
  /** The first result after a restart may end before entries that half a result left. */
  readonly endsWithinTail?: boolean;
  /** The broker may forget a producer (that was idle for a day): its epoch and its sequence. */
  readonly brokerForgets?: boolean;
}

export interface Bounds {
  readonly writers: number;
  /** Answers that may get lost, or requests that may arrive twice. */
  readonly losses: number;
  readonly compactions: number;
  /** Of the task's input. */
  readonly steps: number;
  /** By default `script`. */
  readonly script?: Script;
}

/** Appends of one writer that may be unanswered at a time. */
const IN_FLIGHT = 2;

interface Request {
  readonly epoch: number;
  readonly sequence: number;
  readonly batch: Batch;
}

export interface Writer {
  readonly epoch: number;
  readonly phase: 'opening' | 'restoring' | 'running' | 'fenced';
  /** Of its own barrier, once answered. */
  readonly barrier: number;
  /** The step whose result it has made last. */
  readonly step: number;
  readonly sequence: number;
  readonly queue: readonly Batch[];
  readonly unanswered: readonly number[];
  /** What the first result after a restore must heed. */
  readonly restored: Restored | null;
}

export interface State {
  readonly log: Log;
  readonly end: number;
  /** Of the partition: the newest epoch it has seen, and that one's last sequence. */
  readonly epoch: number;
  readonly sequence: number;
  readonly writers: readonly Writer[];
  readonly network: readonly Request[];
  readonly losses: number;
  readonly compactions: number;
  /** How many of the sequential run's entries the log has been given; -1: others than those, or in another order. */
  readonly written: number;
  /** First fault of an append, seen when it happened. */
  readonly fault: string | null;
}

/**
 * A task's log, its writers one after the other or at once, and the network between: a writer may open at any time (a restart, a rebalance) while
 * older ones run, and get no answer; requests arrive late, twice, or never; compaction comes at any time. A writer that dies is one that does nothing
 * more, and every state is also one in which that is so.
 */
export function protocol(bounds: Bounds, faults: Faults = {}): System<State> {
  const of = bounds.script ?? script;
  return {
    initial: {
      log: [],
      end: 0,
      epoch: 0,
      sequence: -1,
      writers: [],
      network: [],
      losses: bounds.losses,
      compactions: bounds.compactions,
      written: 0,
      fault: null,
    },
    *next(state) {
      if (state.writers.length < bounds.writers) yield ['a writer opens', open(state, faults)];
      for (const [at, writer] of state.writers.entries()) {
        const name = `writer ${writer.epoch}`;
        if (writer.phase === 'fenced') continue;
        if (writer.phase === 'restoring')
          yield [`${name} restores`, restored(state, at, writer, restore(state.log, writer.barrier), of)];
        if (writer.phase !== 'running' || writer.queue.length > 0 || writer.unanswered.length >= IN_FLIGHT) continue;
        // Its first result goes at least as far as the entries that half a result left.
        const { x, y } = writer.restored?.tail ?? { x: 0, y: 0 };
        const least = faults.endsWithinTail === true ? 0 : Math.max(x, y);
        for (let to = Math.max(writer.step + 1, least); to <= Math.min(writer.step + 2, bounds.steps); to++) {
          yield [`${name} makes steps to ${to}`, result(state, at, writer, to, faults, of)];
        }
      }
      for (const [at, request] of state.network.entries()) yield* delivered(state, at, request, faults, of);
      const compacted = compact(state.log);
      if (state.compactions > 0 && compacted.length < state.log.length) {
        yield ['compaction', { ...state, log: compacted, compactions: state.compactions - 1 }];
      }
      if (faults.brokerForgets === true && state.sequence !== -1) {
        yield ['the broker forgets the producer', { ...state, epoch: 0, sequence: -1 }];
      }
    },
    wrong(state) {
      if (state.fault !== null) return state.fault;
      const found = restore(state.log, state.end);
      if (found.position > 0 && writtenTo(of, found.position) > state.written) {
        return `position ${found.position} with ${state.written} entries`;
      }
      return wrongState(found, of);
    },
  };
}

/** A set: which was sent first does not matter. */
const inOrder = (requests: readonly Request[]): Request[] =>
  [...requests].sort((a, b) => a.epoch - b.epoch || a.sequence - b.sequence);

const writtenTo = ({ outputs }: Script, step: number): number => outputs.filter((output) => output[2] <= step).length;

function withWriter(state: State, at: number, writer: Writer): State {
  return { ...state, writers: state.writers.map((other, index) => (index === at ? writer : other)) };
}

/** Nothing of it matters any more but its epoch. */
function fenced({ epoch }: Writer): Writer {
  return { epoch, phase: 'fenced', barrier: 0, step: 0, sequence: 0, queue: [], unanswered: [], restored: null };
}

function open(state: State, faults: Faults): State {
  const epoch = state.writers.length + 1;
  const opened: Writer = { ...fenced({ epoch } as Writer), phase: 'opening', sequence: 1, unanswered: [0] };
  if (faults.noBarrier === true) {
    const writer: Writer = { ...opened, phase: 'restoring', barrier: state.end, sequence: 0, unanswered: [] };
    return { ...state, writers: [...state.writers, writer] };
  }
  const early: Writer = { ...opened, phase: 'restoring', barrier: state.end };
  const request: Request = { epoch, sequence: 0, batch: [['barrier', epoch]] };
  return {
    ...state,
    writers: [...state.writers, faults.readsBeforeBarrier === true ? early : opened],
    network: inOrder([...state.network, request]),
  };
}

/** The writer goes on with what it has found. */
export function restored(state: State, at: number, writer: Writer, found: Restored, of: Script): State {
  const next: Writer = { ...writer, phase: 'running', barrier: 0, step: found.position, restored: found };
  // One that was superseded meanwhile may read what compaction left of it: nothing it makes of that is taken.
  const wrong = state.epoch <= writer.epoch ? wrongState(found, of) : null;
  return { ...withWriter(state, at, next), fault: wrong };
}

function result(state: State, at: number, writer: Writer, to: number, faults: Faults, of: Script): State {
  const batches = resultBatches(writer.step, to, writer.restored, faults, of);
  return sent(state, at, { ...writer, step: to, queue: batches, restored: tailLeft(writer.restored, to, faults) });
}

/** A tail that the result did not reach stays known to this writer, though not to the next. */
function tailLeft(found: Restored | null, to: number, { endsWithinTail = false }: Faults): Restored | null {
  if (!endsWithinTail || found === null || Math.max(found.tail.x, found.tail.y) <= to) return null;
  return { ...found, rewrite: [] };
}

/** As many of the queue go out as may be in flight. */
function sent(state: State, at: number, writer: Writer): State {
  const room = Math.max(0, IN_FLIGHT - writer.unanswered.length);
  const going = writer.queue.slice(0, room);
  const requests = going.map((batch, n): Request => ({ epoch: writer.epoch, sequence: writer.sequence + n, batch }));
  return {
    ...withWriter(state, at, {
      ...writer,
      queue: writer.queue.slice(room),
      sequence: writer.sequence + going.length,
      unanswered: [...writer.unanswered, ...requests.map(({ sequence }) => sequence)],
    }),
    network: inOrder([...state.network, ...requests]),
  };
}

function* delivered(
  state: State,
  at: number,
  request: Request,
  faults: Faults,
  of: Script,
): Generator<readonly [string, State]> {
  const { epoch, sequence, batch } = request;
  const name = `batch ${sequence} of writer ${epoch}`;
  const network = state.network.filter((_, index) => index !== at);
  const index = state.writers.findIndex((writer) => writer.epoch === epoch);
  const writer = state.writers[index];
  if (writer === undefined) return;
  if (epoch < state.epoch && faults.noFence !== true) {
    yield [`${name} is refused: fenced`, withWriter({ ...state, network }, index, fenced(writer))];
    return;
  }
  const last = epoch === state.epoch ? state.sequence : -1;
  const known = state.sequence === -1 && faults.brokerForgets === true;
  const repeated = sequence <= last && faults.noSequence !== true;
  // A gap: the broker refuses it, and it is sent again when what it follows is there.
  if (!known && !repeated && sequence !== last + 1 && faults.noFence !== true && faults.noSequence !== true) return;
  const base = repeated ? state : appended(state, request, of);
  const offset = batch[0]?.[0] === 'barrier' ? base.log.findLast(([, record]) => record[0] === 'barrier')?.[0] : 0;
  yield [`${name} arrives`, answered({ ...base, network }, index, writer, sequence, offset ?? 0)];
  if (state.losses === 0 || writer.phase === 'fenced') return;
  const retry = faults.newSequenceOnRetry === true ? { ...request, sequence: writer.sequence } : request;
  const retrying =
    faults.newSequenceOnRetry === true
      ? { ...writer, sequence: writer.sequence + 1, unanswered: [...writer.unanswered, writer.sequence] }
      : writer;
  yield [
    `${name} arrives, its answer is lost`,
    withWriter({ ...base, network: inOrder([...network, retry]), losses: state.losses - 1 }, index, retrying),
  ];
}

function answered(state: State, at: number, writer: Writer, sequence: number, offset: number): State {
  const unanswered = writer.unanswered.filter((waiting) => waiting !== sequence);
  if (writer.phase === 'opening') {
    return withWriter(state, at, { ...writer, phase: 'restoring', barrier: offset, unanswered });
  }
  return sent(state, at, { ...writer, unanswered });
}

function appended(state: State, { epoch, sequence, batch }: Request, { outputs }: Script): State {
  let { written, fault, end } = state;
  const log = [...state.log];
  for (const record of batch) {
    log.push([end++, record]);
    if (record[0] !== 'entry') continue;
    const expected = outputs[written];
    if (expected?.[1] === record[1] && expected[2] === record[2]) written++;
    else fault ??= `entry ${record[1]} of step ${record[2]} where ${expected?.join(' ') ?? 'nothing'} was due`;
  }
  if (epoch < state.epoch) fault ??= `a batch of writer ${epoch} after the barrier of writer ${state.epoch}`;
  const newest = Math.max(epoch, state.epoch);
  return { ...state, log, end, written, fault, epoch: newest, sequence };
}
