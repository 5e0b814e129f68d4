/** What the model's task computes, and how its log is written and read back: `docs/exactness.md` in a few lines. */

export type StateKey = 'A' | 'B';
export type Values = Readonly<Record<StateKey, number | null>>;
/** An entry of step n under a key of the view. */
export type Entry = readonly [kind: 'entry', key: 'x' | 'y', step: number];
export type StateRecord = readonly [
  kind: 'state',
  key: StateKey,
  value: number | null,
  result: number,
  undo: readonly [number | null] | null,
];
export type PositionRecord = readonly [kind: 'position', step: number];
export type BarrierRecord = readonly [kind: 'barrier', epoch: number];
export type ModelRecord = Entry | StateRecord | PositionRecord | BarrierRecord;
export type Batch = readonly ModelRecord[];
/** The log after compaction: offsets stay. */
export type Log = readonly (readonly [offset: number, record: ModelRecord])[];

/** What the task's input comes to. */
export interface Script {
  /** State after each step: the sequential run. */
  readonly states: readonly Values[];
  readonly outputs: readonly Entry[];
  /** The step that is too big for one batch. */
  readonly bigStep: number;
}

/** Step 2 is too big for one batch, takes a key away and changes the other. */
const states: readonly Values[] = [
  { A: null, B: null },
  { A: 1, B: 1 },
  { A: null, B: 2 },
  { A: 3, B: 2 },
];
const outputs: readonly Entry[] = [
  ['entry', 'x', 1],
  ['entry', 'x', 2],
  ['entry', 'y', 2],
  ['entry', 'y', 3],
];
export const script: Script = { states, outputs, bigStep: 2 };

/** Step 2 takes a key away, and nothing comes back: its deletion is the last record of it. */
export const scriptWithDeletion: Script = {
  states: [
    { A: null, B: null },
    { A: 1, B: 1 },
    { A: null, B: 1 },
    { A: null, B: 3 },
  ],
  outputs: [
    ['entry', 'x', 1],
    ['entry', 'x', 2],
    ['entry', 'x', 3],
    ['entry', 'y', 3],
  ],
  bigStep: 3,
};

const keys: readonly StateKey[] = ['A', 'B'];
export const stateAt = ({ states: all }: Script, step: number): Values => all[step] ?? { A: null, B: null };

/** Ways to get the log wrong; each must be found. */
export interface LogFaults {
  /** The parts of a split result carry no undo. */
  readonly noUndo?: boolean;
  /** A restarted writer makes entries again that half a result left in the log. */
  readonly noTail?: boolean;
  /** The position comes first, in a batch of its own. */
  readonly positionFirst?: boolean;
  /** Positions in every batch of a split result. */
  readonly positionInEveryBatch?: boolean;
}

export interface Restored {
  readonly position: number;
  readonly values: Values;
  /** Newest step of each key among the entries past the position. */
  readonly tail: Readonly<Record<'x' | 'y', number>>;
  readonly rewrite: readonly StateKey[];
}

/** Steps `from + 1` to `to` as one result: its batches in order, normally one. */
export function resultBatches(
  from: number,
  to: number,
  restored: Restored | null,
  faults: LogFaults,
  of: Script,
): Batch[] {
  const tail = restored?.tail ?? { x: 0, y: 0 };
  const entries = of.outputs.filter(
    ([, key, step]) => step > from && step <= to && (faults.noTail === true || step > tail[key]),
  );
  const changed = keys.filter((key) => {
    const steps = of.states.slice(from, to + 1);
    return restored?.rewrite.includes(key) === true || steps.some((values) => values[key] !== steps[0]?.[key]);
  });
  const split = from < of.bigStep && to >= of.bigStep;
  const records = changed.map((key): StateRecord => {
    const undo = split && faults.noUndo !== true ? ([stateAt(of, from)[key]] as const) : null;
    return ['state', key, stateAt(of, to)[key], to, undo];
  });
  const position: PositionRecord = ['position', to];
  if (faults.positionFirst === true) return [[position], [...entries, ...records]];
  if (!split) return [[...entries, ...records, position]];
  const parts = [entries.slice(0, 1), [...entries.slice(1), ...records.slice(0, 1)], [...records.slice(1), position]];
  const marked = faults.positionInEveryBatch === true ? parts.map((part) => [...part, position]) : parts;
  return marked.filter((part) => part.length > 0);
}

/** What a writer finds below its barrier. */
export function restore(log: Log, below: number): Restored {
  return finished(read(nothing, log, 0, below));
}

/** A restore that has come so far, and knows what the log had until then. */
export interface Reading {
  readonly position: number;
  readonly values: Values;
  readonly tail: Readonly<Record<'x' | 'y', number>>;
  /** Of results whose end it has not seen. */
  readonly halves: readonly StateRecord[];
}

export const nothing: Reading = { position: 0, values: { A: null, B: null }, tail: { x: 0, y: 0 }, halves: [] };

/** Goes on with the records from `from` on, below `below`. */
export function read(begun: Reading, log: Log, from: number, below: number): Reading {
  let { position, tail } = begun;
  const values: Record<StateKey, number | null> = { ...begun.values };
  const halves = new Map(begun.halves.map((half) => [half[1], half]));
  for (const [offset, record] of log) {
    if (offset < from) continue;
    if (offset >= below) break;
    if (record[0] === 'entry') tail = { ...tail, [record[1]]: record[2] };
    else if (record[0] === 'position') {
      position = record[1];
      tail = { x: 0, y: 0 };
    } else if (record[0] === 'state') {
      const [, key, value, , undo] = record;
      if (undo === null) {
        halves.delete(key);
        values[key] = value;
      } else halves.set(key, record);
    }
  }
  return { position, values, tail, halves: [...halves.values()] };
}

/** At the barrier: what an unfinished result has left is taken back. */
export function finished({ position, values: begun, tail, halves }: Reading): Restored {
  const values: Record<StateKey, number | null> = { ...begun };
  const rewrite: StateKey[] = [];
  for (const [, key, value, result, undo] of halves) {
    const whole = result <= position;
    if (!whole) rewrite.push(key);
    values[key] = whole ? value : (undo?.[0] ?? null);
  }
  return { position, values, tail, rewrite: rewrite.sort() };
}

/** Takes away deletions that nothing is left to undo of: as compaction does when they are old. */
export function withoutTombstones(log: Log): Log {
  return log.filter(([, record]) => record[0] !== 'state' || record[2] !== null || record[4] !== null);
}

/** Keeps each key's newest record. */
export function compact(log: Log): Log {
  const keyOf = (record: ModelRecord): string =>
    record[0] === 'entry' || record[0] === 'state' ? `${record[0]}/${record[1]}` : record[0];
  const last = new Map(log.map(([offset, record]) => [keyOf(record), offset]));
  return log.filter(([offset, record]) => last.get(keyOf(record)) === offset);
}

/** Null where a task that restores from the log would be as the sequential run is at that position. */
export function wrongState({ position, values }: Restored, of: Script): string | null {
  const right = stateAt(of, position);
  return keys.every((key) => values[key] === right[key])
    ? null
    : `state ${JSON.stringify(values)} at position ${position}, where it is ${JSON.stringify(right)}`;
}
