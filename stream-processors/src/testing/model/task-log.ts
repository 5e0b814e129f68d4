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

/** State after each step: the sequential run. Step 2 is too big for one batch, takes a key away and changes the other. */
export const states: readonly Values[] = [
  { A: null, B: null },
  { A: 1, B: 1 },
  { A: null, B: 2 },
  { A: 3, B: 2 },
];
export const outputs: readonly Entry[] = [
  ['entry', 'x', 1],
  ['entry', 'x', 2],
  ['entry', 'y', 2],
  ['entry', 'y', 3],
];
const BIG_STEP = 2;
const keys: readonly StateKey[] = ['A', 'B'];
const stateAt = (step: number): Values => states[step] ?? { A: null, B: null };

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
export function resultBatches(from: number, to: number, restored: Restored | null, faults: LogFaults): Batch[] {
  const tail = restored?.tail ?? { x: 0, y: 0 };
  const entries = outputs.filter(
    ([, key, step]) => step > from && step <= to && (faults.noTail === true || step > tail[key]),
  );
  const changed = keys.filter((key) => {
    const steps = states.slice(from, to + 1);
    return restored?.rewrite.includes(key) === true || steps.some((values) => values[key] !== steps[0]?.[key]);
  });
  const split = from < BIG_STEP && to >= BIG_STEP;
  const records = changed.map((key): StateRecord => {
    const undo = split && faults.noUndo !== true ? ([stateAt(from)[key]] as const) : null;
    return ['state', key, stateAt(to)[key], to, undo];
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
  let position = 0;
  let tail = { x: 0, y: 0 };
  const values: Record<StateKey, number | null> = { A: null, B: null };
  const halves = new Map<StateKey, StateRecord>();
  for (const [offset, record] of log) {
    if (offset >= below) break;
    if (record[0] === 'entry') tail[record[1]] = record[2];
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
  const rewrite: StateKey[] = [];
  for (const [key, [, , value, result, undo]] of halves) {
    const whole = result <= position;
    if (!whole) rewrite.push(key);
    values[key] = whole ? value : (undo?.[0] ?? null);
  }
  return { position, values, tail, rewrite: rewrite.sort() };
}

/** Keeps each key's newest record. */
export function compact(log: Log): Log {
  const keyOf = (record: ModelRecord): string =>
    record[0] === 'entry' || record[0] === 'state' ? `${record[0]}/${record[1]}` : record[0];
  const last = new Map(log.map(([offset, record]) => [keyOf(record), offset]));
  return log.filter(([offset, record]) => last.get(keyOf(record)) === offset);
}

/** Null where a task that restores from the log would be as the sequential run is at that position. */
export function wrongState({ position, values }: Restored): string | null {
  const right = stateAt(position);
  return keys.every((key) => values[key] === right[key])
    ? null
    : `state ${JSON.stringify(values)} at position ${position}, where it is ${JSON.stringify(right)}`;
}
