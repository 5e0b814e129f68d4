import { isKind } from '@millrace/kernel/errors';
import type { LogWriter } from '@millrace/kernel/log';
import type { MemoryLog } from '@millrace/kernel/log-memory';
import { isOwnKey, watermarkRecord } from '@millrace/schemas/markers';
import { MOST_AGE_MS } from '../runtime/index.ts';
import type { RunnerLimits, TaskRunner } from '../runtime/index.ts';
import type { Books } from './books.ts';
import type { Chance } from './chance.ts';
import { LAST_RELEASE } from './poison.ts';
import { SimulatedRepairs, breakRepairs } from './repairs.ts';
import { SimulatedClient } from './gates.ts';
import type { Fate, Operation } from './gates.ts';
import type { Place, SimulatedTask } from './place.ts';
import { SimulatedDisk } from './disk.ts';
import { SimulatedStandbys } from './standbys.ts';
import { Written, nameOf, openSource, parkedEver, statesOf } from './sequential.ts';
import type { Outcome } from './sequential.ts';

/** What the runtime rests on, taken away: the simulation must then find differences. */
export type Broken =
  /** The broker takes what a superseded writer appends. */
  | 'no-fence'
  /** A snapshot says that it is of the log's end when it was published, and not of when it began. */
  | 'snapshot-of-its-end'
  /** A snapshot counts as whole when a part of it is written. */
  | 'snapshot-in-part'
  /** A standby passes over some of the log. */
  | 'standby-with-gaps'
  /** A standby does not notice that time goes on. */
  | 'standby-of-any-age'
  /** What waits is done again with the newest row first. */
  | 'redrive-backwards'
  /** Rows of a parked aggregate are applied while earlier ones wait. */
  | 'rows-pass-parked';

export interface SimulationOptions {
  readonly broken?: Broken;
  /** Each process keeps snapshots on a disk of its own, which may be damaged, or left behind while a task is elsewhere. */
  readonly snapshots?: boolean;
  /** Processes keep standbys of tasks that others run, and tasks often start where one is. */
  readonly standbys?: boolean;
}

export interface Simulated extends Outcome {
  /** What went wrong in a way that nobody ordered. */
  readonly findings: readonly string[];
  /** Whether an input was compacted, so that tasks that read it late saw fewer steps. */
  readonly inputCompacted: boolean;
  readonly faults: number;
  /** Starts that began with a snapshot. */
  readonly fromSnapshots: number;
  /** Starts that took over from a standby. */
  readonly fromStandbys: number;
  /** Redrives that left nothing waiting. */
  readonly redriven: number;
  /** Aggregates that were ever put aside, by any life of any task. */
  readonly parked: ReadonlySet<string>;
}

/** A task as one process runs it. */
interface Incarnation {
  readonly task: SimulatedTask;
  readonly client: SimulatedClient;
  readonly process: number;
  readonly stop: AbortController;
  readonly release: number;
  runner: TaskRunner | null;
  state: 'runs' | 'ended' | 'dead';
}

const PROCESSES = 3;
const MOST_ACTIONS = 20_000;
/** Everything that can go on without an answer has gone on: ticks come when no promise has anything left to do. There is no other I/O. */
const settled = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/**
 * The real tasks on an in-memory log, in a schedule that chance draws: at every point where a task reads, appends or opens, something else may happen
 * first, or it may die, before or after, or not be told. Processes die with all their tasks, tasks start elsewhere while the old ones still run, late requests
 * of the dead arrive, the log is compacted. After a number of faults the rest runs through.
 */
export async function simulate(
  place: Place,
  books: Books,
  pick: Chance,
  options: SimulationOptions = {},
): Promise<Simulated> {
  return new Simulation(place, books, pick, options).run();
}

class Simulation {
  readonly #place: Place;
  readonly #books: Books;
  readonly #pick: Chance;
  readonly #log: MemoryLog;
  readonly #written: Written;
  readonly #limits: Partial<RunnerLimits>;
  readonly #clientOptions;
  readonly #compacts: readonly string[];
  readonly #disks: readonly SimulatedDisk[];
  readonly #standbys: SimulatedStandbys | null;
  /** Where the first releases cannot bear everything. */
  readonly #repairs: SimulatedRepairs | null;
  readonly #broken: Broken | undefined;
  /** How much rarer faults are: a snapshot that is to matter must be there when they come. */
  readonly #calm: number;
  readonly #next: number[];
  readonly #findings: string[] = [];
  readonly #incarnations: Incarnation[] = [];
  /** Those of them that may still do something, or that something of may still arrive. */
  #live: readonly Incarnation[] = [];
  #nowMs = 0;
  #faultsLeft: number;
  #faults = 0;
  #inputCompacted = false;
  #beyond = 0;

  constructor(place: Place, books: Books, pick: Chance, options: SimulationOptions) {
    const { broken, snapshots = false, standbys = false } = options;
    this.#place = place;
    this.#broken = broken;
    this.#books = books;
    this.#pick = pick;
    this.#log = place.newLog();
    this.#written = new Written(this.#log);
    this.#next = books.appends.map(() => 0);
    this.#faultsLeft = pick(12);
    this.#clientOptions = { readBytes: 1 + pick(pick(2) === 0 ? 300 : 4000), unfenced: broken === 'no-fence' };
    this.#compacts = pick(2) === 0 ? ['views.pricing'] : ['views.pricing', 'views.inventory'];
    this.#limits = {
      maxBatchBytes: pick(2) === 0 ? 150 + pick(600) : 100_000,
      resultBytes: pick(2000),
      lazyAbove: pick(5),
      inFlight: 1 + pick(4),
      queued: 2 + pick(40),
      watermarkMs: pick(2) * 20,
    };
    this.#calm = snapshots ? 1 + pick(12) : 1;
    this.#disks = snapshots ? Array.from({ length: 1 + pick(PROCESSES) }, () => new SimulatedDisk(pick, broken)) : [];
    this.#standbys = standbys
      ? new SimulatedStandbys({
          ...{ place, log: this.#log, pick },
          client: { ...this.#clientOptions, losesRecords: broken === 'standby-with-gaps' },
          now: () => (broken === 'standby-of-any-age' ? 0 : this.#nowMs),
          finding: (text) => this.#findings.push(text),
        })
      : null;
    this.#repairs = place.hasPoison ? new SimulatedRepairs(pick, (text) => this.#findings.push(text)) : null;
  }

  async run(): Promise<Simulated> {
    const source = await openSource(this.#log);
    await settled();
    for (let actions = 0; !this.#isDone(); actions++) {
      if (actions > MOST_ACTIONS) {
        this.#findings.push('it does not come to an end');
        break;
      }
      this.#nowMs += 1 + this.#pick(10);
      await this.#act(source);
      await settled();
    }
    for (const { stop, client } of this.#incarnations) {
      // With a reason, since one that is made for it takes its stack along.
      stop.abort('over');
      client.operations.length = 0;
    }
    this.#standbys?.close();
    const states = await statesOf(this.#place, this.#log);
    for (const one of this.#incarnations.filter(({ state }) => state === 'runs')) {
      const { task, runner } = one;
      // Who is superseded may not know of a redrive, or have done one that is not in the log.
      if (this.#repairs !== null && one !== this.#incarnations.findLast((other) => other.task === task)) continue;
      const held = runner === null ? [] : [...runner.task.state.values()].sort(([a], [b]) => (a < b ? -1 : 1));
      if (runner === null || runner.task.position.lsn < this.#books.end - 1n) continue;
      if (JSON.stringify(held) !== states.get(nameOf(task))) {
        this.#findings.push(`${nameOf(task)} holds another state than its log`);
      }
    }
    const { entries } = this.#written;
    const restored = this.#incarnations.flatMap(({ runner }) => runner?.restored ?? []);
    const said = {
      findings: this.#findings,
      inputCompacted: this.#inputCompacted,
      faults: this.#faults,
      fromSnapshots: restored.filter(({ snapshotOffset }) => snapshotOffset !== null).length,
      fromStandbys: restored.filter(({ wasWarm }) => wasWarm).length,
      redriven: this.#repairs?.done ?? 0,
      parked: this.#repairs === null ? new Set<string>() : parkedEver(this.#place, this.#log),
    };
    return { entries, states, ...said };
  }

  get #isAllWritten(): boolean {
    return this.#next.every((at, partition) => at >= (this.#books.appends[partition]?.length ?? 0));
  }

  /** Nothing is left of what the first releases could not bear. */
  #isRepaired({ runner, release }: Incarnation): boolean {
    return this.#repairs === null || (release === LAST_RELEASE && runner?.task.parked.size === 0);
  }

  #isDone(): boolean {
    if (!this.#isAllWritten) return false;
    return this.#place.tasks.every((task) =>
      this.#live.some(
        (one) =>
          one.task === task &&
          one.state === 'runs' &&
          this.#isRepaired(one) &&
          (one.runner?.task.position.frontier ?? 0n) >= this.#books.end + BigInt(this.#beyond) &&
          one.client.operations.every(({ kind, isAborted }) => kind === 'disk' || (kind === 'poll' && !isAborted())),
      ),
    );
  }

  /** One thing happens. */
  async #act(source: LogWriter): Promise<void> {
    this.#standbys?.consider(PROCESSES);
    if (this.#live.some(isOver)) this.#live = this.#live.filter((one) => !isOver(one));
    for (const task of this.#place.tasks) {
      if (this.#live.some((one) => one.task === task && one.state === 'runs')) continue;
      if (this.#pick(3) > 0) this.#start(task);
    }
    this.#repair();
    if (this.#faultsLeft > 0 && this.#pick(12 * this.#calm) === 0) {
      this.#faultsLeft--;
      this.#faults++;
      this.#fault();
      return;
    }
    const operations: Operation[] = [];
    for (const { client } of this.#live) addFirstOfEach(client.operations, operations);
    this.#standbys?.addOperations(operations);
    // Else a snapshot, which is many operations, would hardly ever come to its end.
    const ofDisks = this.#disks.length === 0 ? [] : operations.filter(({ kind }) => kind === 'disk');
    const operation =
      ofDisks.length > 0 && this.#pick(4) > 0
        ? ofDisks[this.#pick(ofDisks.length)]
        : operations[this.#pick(operations.length + 2)];
    if (operation !== undefined) this.#goOn(operation);
    else await this.#write(source);
  }

  /** Releases come and redrives are asked for; when all is written, the last release takes over everywhere. */
  #repair(): void {
    if (this.#repairs === null) return;
    const running = this.#live.filter(({ state }) => state === 'runs');
    this.#repairs.consider(running);
    if (!this.#isAllWritten || this.#pick(4) > 0) return;
    this.#repairs.release = LAST_RELEASE;
    const old = this.#place.tasks.find(
      (task) => !running.some((one) => one.task === task && one.release === LAST_RELEASE),
    );
    if (old !== undefined) this.#start(old);
  }

  #goOn(operation: Operation): void {
    const owner = this.#live.find(({ client }) => client === operation.client);
    // The dead are not told, but what they sent may still arrive.
    if (owner?.state === 'dead') {
      operation.settle('unanswered');
      return;
    }
    if (this.#faultsLeft === 0 || this.#pick(15 * this.#calm) > 0 || operation.kind === 'poll') {
      operation.settle('done');
      return;
    }
    this.#faultsLeft--;
    this.#faults++;
    const fates: Fate[] = ['unanswered', 'answer-lost', 'failed'];
    const fate = fates[this.#pick(fates.length)] ?? 'failed';
    operation.settle(fate);
    if (fate === 'unanswered' && owner !== undefined) this.#kill(owner);
  }

  #fault(): void {
    const running = this.#live.filter(({ state }) => state === 'runs');
    const one = running[this.#pick(Math.max(1, running.length))];
    switch (this.#pick(this.#disks.length === 0 ? 4 : 5)) {
      case 4:
        this.#disks[this.#pick(this.#disks.length)]?.damage();
        return;
      case 0:
        if (one !== undefined) this.#kill(one);
        return;
      case 1:
        for (const other of running) if (other.process === one?.process) this.#kill(other);
        if (one !== undefined) this.#standbys?.kill(one.process);
        return;
      case 2:
        // Elsewhere, while it still runs here.
        if (one !== undefined) this.#start(one.task);
        return;
      default:
        this.#compact(this.#compacts[this.#pick(this.#compacts.length)] ?? 'views.pricing');
    }
  }

  #compact(topic: string): void {
    const isInput = topic === 'views.inventory';
    if (isInput) this.#inputCompacted = true;
    const copies = this.#disks.length > 0 || this.#standbys !== null;
    // No restore takes as long as the log keeps a tombstone: what it has read of a key would stand.
    const isRestored = this.#live.some(
      ({ task, runner, state }) => state === 'runs' && runner === null && task.topic === topic,
    );
    const forgets = (!isInput || copies) && this.#pick(copies ? 2 : 4) === 0 && !isRestored;
    // They go when they are old. Of an input, those alone that readers do not need: none of them is away that long.
    if (forgets && copies) this.#nowMs += MOST_AGE_MS + 1;
    this.#log.compact(topic, { dropTombstones: isInput ? (key) => forgets && isOwnKey(key) : forgets });
  }

  /** Nothing more is done by it. What it has asked of the log may arrive, or part of it. */
  #kill(one: Incarnation): void {
    one.state = 'dead';
    const { operations } = one.client;
    const sent = operations.filter(({ kind }) => kind !== 'poll');
    operations.splice(0, operations.length, ...sent.slice(0, this.#pick(sent.length + 1)));
  }

  #start(task: SimulatedTask): void {
    const client = new SimulatedClient(this.#log, this.#clientOptions);
    const stop = new AbortController();
    const anywhere = this.#pick(PROCESSES);
    const process = (this.#standbys !== null && this.#pick(4) > 0 ? this.#standbys.processFor(task) : null) ?? anywhere;
    const warm = this.#standbys?.take(task, process) ?? null;
    const release = this.#repairs?.release ?? LAST_RELEASE;
    const one: Incarnation = { task, client, process, stop, release, runner: null, state: 'runs' };
    this.#incarnations.push(one);
    this.#live = [...this.#live, one];
    const running = async (): Promise<void> => {
      const disk = this.#disks[process % this.#disks.length];
      const snapshots = disk === undefined ? null : disk.settings(client);
      const settings = { snapshots, warm, process, release };
      const runner = await this.#place.openTask(task, client, () => this.#nowMs, this.#limits, settings);
      breakRepairs(runner, this.#broken);
      one.runner = runner;
      await one.runner.run(stop.signal);
    };
    running().catch((error: unknown) => {
      if (one.state === 'dead') return;
      one.state = 'ended';
      const ordered = isKind(error, 'log-fenced') || isKind(error, 'log-unknown-outcome');
      if (!ordered) this.#findings.push(`${task.processor.name}/${task.partition} ended: ${String(error)}`);
    });
  }

  async #write(source: LogWriter): Promise<void> {
    const partition = this.#pick(this.#next.length);
    const at = this.#next[partition] ?? 0;
    const records = this.#books.appends[partition]?.[at];
    if (records === undefined) {
      if (this.#repairs !== null && this.#isAllWritten) await this.#goOnBeyond(source);
      return;
    }
    this.#next[partition] = at + 1;
    await source.append([{ topic: 'cdc.catalog', partition, records }]);
  }

  /** A redrive is part of a step, so the source goes on for as long as something waits. */
  async #goOnBeyond(source: LogWriter): Promise<void> {
    if (!this.#live.some(({ runner }) => (runner?.task.parked.size ?? 0) > 0)) return;
    const lsn = this.#books.end + BigInt(++this.#beyond);
    const record = watermarkRecord(this.#place.bookSchemas.watermark, { lsn, tsUs: this.#books.endUs });
    await source.append(this.#next.map((_, partition) => ({ topic: 'cdc.catalog', partition, records: [record] })));
  }
}

const isOver = ({ state, client }: Incarnation): boolean =>
  state === 'ended' || (state === 'dead' && client.operations.length === 0);

/** The first append or opening, and everything that reads or concerns the disk: appends keep their order. */
function addFirstOfEach(operations: readonly Operation[], to: Operation[]): void {
  let waits = false;
  for (const operation of operations) {
    if (operation.kind === 'append' || operation.kind === 'open') {
      if (waits) continue;
      waits = true;
    }
    to.push(operation);
  }
}
