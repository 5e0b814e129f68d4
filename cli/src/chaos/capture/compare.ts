import type { AuditedStep } from './audit.ts';
import { beginningOf, rowsAfter } from './rows.ts';
import type { ReceivedPartition } from './received.ts';

export interface Comparison {
  /** Committed steps that were compared, those in the snapshot among them. */
  readonly committed: number;
  /** Steps of a parked table that were left out until it was resumed, as they must be. */
  readonly leftOut: number;
  readonly lost: readonly string[];
  readonly duplicated: readonly string[];
  readonly reordered: readonly string[];
  /** Came, and was never committed; or a row that was read again and is not what was committed last. */
  readonly invented: readonly string[];
}

interface Streams {
  readonly expected: AuditedStep[];
  /** Steps, and rows read again. */
  readonly received: string[];
  readonly snapshot: Map<string, string>;
}

type Findings = Record<'lost' | 'duplicated' | 'reordered' | 'invented', string[]>;

/**
 * Every committed step and its order against what a plain consumer got. Per aggregate, the changes received must be the end of those committed,
 * and the snapshot what the beginning leaves; the events received must be all of them. And in a partition, what one writer committed comes in
 * the order in which it did.
 *
 * A row that was read again (`r` after the snapshot) is no step: it must be what the steps before it leave of it.
 *
 * Where an incompatible change parked a table, its steps of the new shape may be missing up to where it was resumed, and only there: of one
 * aggregate, and of one writer, what is missing stands before all of that shape that came. The rows read again after it may be as any of the
 * missing steps left them, never older than what came of that row before; and a delete that is missing may come late, where no step brings the row back.
 */
export function compareSteps(
  committed: readonly AuditedStep[],
  partitions: ReadonlyMap<string, ReceivedPartition>,
): Comparison {
  const findings: Findings = { lost: [], duplicated: [], reordered: [], invented: [] };
  const known = new Map(committed.map((audited) => [audited.step, audited]));
  const streams = new Map<string, Streams>();
  const streamOf = (name: string): Streams => {
    const stream = streams.get(name) ?? { expected: [], received: [], snapshot: new Map<string, string>() };
    streams.set(name, stream);
    return stream;
  };
  for (const audited of committed) streamOf(nameOf(audited.step, audited.aggregate)).expected.push(audited);
  for (const [name, { steps, snapshot }] of partitions) {
    const last = new Map<number, number>();
    for (const step of steps) {
      if (isRead(step)) {
        streamOf(`changes ${aggregateOf(step.slice(2))}`).received.push(step);
        continue;
      }
      const audited = known.get(step);
      if (audited === undefined) {
        findings.invented.push(`${name}: ${step}`);
        continue;
      }
      streamOf(nameOf(step, audited.aggregate)).received.push(step);
      if (mayComeLate(audited)) continue;
      const before = last.get(audited.writer) ?? 0;
      if (audited.transaction < before)
        findings.reordered.push(`${name}: ${step} after transaction ${before} of its writer`);
      last.set(audited.writer, Math.max(before, audited.transaction));
    }
    for (const [key, content] of snapshot) streamOf(`changes ${aggregateOf(key)}`).snapshot.set(key, content);
  }
  const missing = [...streams].flatMap(([name, stream]) => compareStream(name, stream, findings));
  const leftOut = missing.filter((audited) => audited.shape > 0);
  findings.lost.push(...missing.filter(({ shape }) => shape === 0).map(({ step }) => step));
  findings.lost.push(...lostAfterResume(leftOut, committed, new Set(missing)));
  return { committed: committed.length, leftOut: leftOut.length, ...findings };
}

/** Answers the steps that did not come. */
function compareStream(name: string, { expected, received, snapshot }: Streams, findings: Findings): AuditedStep[] {
  const places = new Map(expected.map(({ step }, place) => [step, place]));
  const late = lateDeletes(expected, received, places);
  const lateSteps = new Set<string>();
  const seen = new Set<string>();
  const items = received.filter((item, at) => {
    if (isRead(item)) return true;
    if (seen.has(item) || lateSteps.has(item)) findings.duplicated.push(item);
    else return (late.has(at) ? lateSteps : seen).add(item);
    return false;
  });
  const changes = name.startsWith('changes');
  const cut = changes ? beginningOf(expected, snapshot, seen) : 0;
  const due = expected.slice(Math.max(0, cut));
  const missing = due.filter(({ step }) => !seen.has(step));
  if (cut < 0 && missing.length === 0) findings.invented.push(`the snapshot of ${name} is of no commit`);
  const dueAndThere = due.filter(({ step }) => seen.has(step));
  let there = 0;
  for (const step of seen) {
    const wanted = dueAndThere[there++]?.step ?? 'nothing';
    if (step === wanted) continue;
    findings.reordered.push(`${step} where ${wanted} was due`);
    return missing;
  }
  if (changes) compareReads(items, due, snapshot, seen, findings);
  if (changes && missing.every(({ shape }) => shape > 0)) compareEnd(items, due, snapshot, findings);
  return missing;
}

/**
 * The places, among what came, of deletes that the log was given late: of a shape that was left out, and something that was committed after them
 * has come before.
 */
function lateDeletes(
  expected: readonly AuditedStep[],
  received: readonly string[],
  places: ReadonlyMap<string, number>,
): ReadonlySet<number> {
  const late = new Set<number>();
  let furthest = -1;
  for (const [at, step] of received.entries()) {
    const place = places.get(step);
    if (place === undefined) continue;
    const audited = expected[place];
    if (place < furthest && audited !== undefined && mayComeLate(audited)) late.add(at);
    furthest = Math.max(furthest, place);
  }
  return late;
}

/** Every row read again, and every late delete, against what was committed up to there. */
function compareReads(
  items: readonly string[],
  due: readonly AuditedStep[],
  snapshot: ReadonlyMap<string, string>,
  seen: ReadonlySet<string>,
  { invented }: Findings,
): void {
  const rows = new Map(snapshot);
  /** Steps of `due` up to which each row was read. */
  const readUpTo = new Map<string, number>();
  const places = new Map(due.map(({ step }, place) => [step, place]));
  let next = 0;
  for (const item of items) {
    const place = seen.has(item) ? places.get(item) : undefined;
    if (place !== undefined) {
      rowsAfter(rows, due.slice(next, place + 1));
      next = place + 1;
      continue;
    }
    const [, key = '', content] = item.split(' ');
    const now = rows.get(key);
    const row = new Map(now === undefined ? [] : [[key, now]]);
    const found = firstPlace(row, due, { key, content, next, from: readUpTo.get(key) ?? 0, seen });
    if (found === null) invented.push(`${item}, where the row is ${now ?? 'not there'}`);
    else readUpTo.set(key, found);
  }
}

/** What a reader ends with is what the table ends with: what was left out has been made up for. */
function compareEnd(
  items: readonly string[],
  due: readonly AuditedStep[],
  snapshot: ReadonlyMap<string, string>,
  { lost }: Findings,
): void {
  const [table, log] = [new Map(snapshot), new Map(snapshot)];
  rowsAfter(table, due);
  rowsAfter(
    log,
    items.map((step) => ({ step })),
  );
  for (const key of new Set([...table.keys(), ...log.keys()])) {
    const [wanted = 'no row', found = 'no row'] = [table.get(key), log.get(key)];
    if (wanted !== found) lost.push(`${key} ends as ${found}, in the table as ${wanted}`);
  }
}

interface Look {
  readonly key: string;
  /** Undefined where it must not be there. */
  readonly content: string | undefined;
  /** What came ends before this step. */
  readonly next: number;
  readonly from: number;
  readonly seen: ReadonlySet<string>;
}

/**
 * The first place, after what came and among the steps that are missing from there on, where the row is so; null where there is none. A delete that
 * was left out may come after it, as the last of a re-snapshot.
 */
function firstPlace(row: Map<string, string>, due: readonly AuditedStep[], look: Look): number | null {
  for (let at = look.next; ; at++) {
    if (at >= look.from && row.get(look.key) === look.content) return at;
    const step = due[at];
    if (step === undefined || (look.seen.has(step.step) && !mayComeLate(step))) return null;
    if (step.step.split(' ')[1] === look.key) rowsAfter(row, [step]);
  }
}

/** Of the steps that are missing, those that a resumed table cannot have left out: something of their shape came before them. */
function lostAfterResume(
  leftOut: readonly AuditedStep[],
  committed: readonly AuditedStep[],
  missing: ReadonlySet<AuditedStep>,
): string[] {
  const order = new Map(committed.map((audited, at) => [audited, at]));
  const ofWriter = ({ shape, writer }: AuditedStep): string => `${shape} writer ${writer}`;
  const ofAggregate = ({ shape, aggregate }: AuditedStep): string => `${shape} aggregate ${aggregate}`;
  const first = new Map<string, number>();
  const note = (name: string, at: number): void => void first.set(name, Math.min(first.get(name) ?? Infinity, at));
  for (const [audited, at] of order) {
    if (audited.shape === 0 || missing.has(audited) || mayComeLate(audited)) continue;
    note(ofWriter(audited), audited.transaction);
    note(ofAggregate(audited), at);
  }
  const isAfter = (audited: AuditedStep): boolean =>
    audited.transaction >= (first.get(ofWriter(audited)) ?? Infinity) ||
    (order.get(audited) ?? 0) > (first.get(ofAggregate(audited)) ?? Infinity);
  return leftOut.filter(isAfter).map(({ step }) => step);
}

/** A delete that was left out is made up for by the re-snapshot. */
function mayComeLate({ step, shape }: AuditedStep): boolean {
  return shape > 0 && step.startsWith('d ');
}

function isRead(step: string): boolean {
  return step.startsWith('r ');
}

function nameOf(step: string, aggregate: string): string {
  return step.startsWith('e ') ? `events ${step.slice(2, step.indexOf('/'))} ${aggregate}` : `changes ${aggregate}`;
}

/** The aggregate of a record key `<table>/<aggregate>[/<row>]`. */
function aggregateOf(key: string): string {
  return key.split(/[/ ]/)[1] ?? '';
}
