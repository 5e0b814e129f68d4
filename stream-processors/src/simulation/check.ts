import type { ViewEntry } from '@millrace/schemas/views';
import { bystanderFindings, orderFindings, positionFindings } from './poison-check.ts';
import { seeded } from './chance.ts';
import { PARTITIONS, drawBooks } from './books.ts';
import type { Books } from './books.ts';
import type { Place } from './place.ts';
import { sequential } from './sequential.ts';
import type { Outcome } from './sequential.ts';
import { simulate } from './simulate.ts';
import type { Simulated, SimulationOptions } from './simulate.ts';

export interface SeedReport {
  readonly seed: number;
  readonly findings: readonly string[];
  readonly faults: number;
  readonly fromSnapshots: number;
  readonly fromStandbys: number;
  readonly redriven: number;
}

/** Schedules tried on one history before the next is drawn. */
const SCHEDULES = 8;

/** What one seed in so many is drawn anew: the books, and what the sequential run makes of them. */
interface History {
  readonly number: number;
  readonly books: Books;
  readonly expected: Outcome;
  readonly imbalances: readonly string[];
}

/** Runs seeds one after the other; each says by itself what happens, so that one that failed can be run again alone. */
export class Checker {
  readonly #place: Place;
  readonly #options: SimulationOptions;
  #known: History | null = null;

  constructor(place: Place, options: SimulationOptions = {}) {
    this.#place = place;
    this.#options = options;
  }

  async check(seed: number): Promise<SeedReport> {
    const { books, expected, imbalances } = await this.#history(Math.floor(seed / SCHEDULES));
    const simulated = await simulate(this.#place, books, seeded(seed), this.#options);
    if (this.#place.hasPoison) return this.#ofRepairs(seed, books, expected, simulated);
    const differences = this.#differences(expected, simulated);
    // Where it wrote exactly what the sequential run did, it balances as that does.
    const isSame = differences.length === 0 && !simulated.inputCompacted;
    const findings = [
      ...simulated.findings,
      ...differences,
      ...(isSame ? imbalances : this.#imbalances(simulated.entries, simulated.inputCompacted)),
    ];
    return reportOf(seed, findings, simulated);
  }

  /** What a redrive promises: the same end, order, and that nobody else is held up. */
  #ofRepairs(seed: number, books: Books, expected: Outcome, simulated: Simulated): SeedReport {
    const findings = [...simulated.findings];
    for (const { processor, partition, topic } of this.#place.tasks) {
      const name = `${topic}/${partition}`;
      const wanted = this.#decoded(topic, expected.entries.get(name) ?? []);
      const got = this.#decoded(topic, simulated.entries.get(name) ?? []);
      if (expected.states.get(name) !== simulated.states.get(name)) findings.push(`the state of ${name} differs`);
      findings.push(...dataDifferences(name, newest(wanted), newest(got)), ...positionFindings({ name, wanted, got }));
      if (processor.inputs.some(({ from }) => from === 'view')) {
        if (simulated.inputCompacted) continue;
      } else findings.push(...orderFindings({ name, wanted, got }, books));
      findings.push(...bystanderFindings({ name, wanted, got }, simulated.parked));
    }
    return reportOf(seed, findings, simulated);
  }

  async #history(number: number): Promise<History> {
    if (this.#known?.number === number) return this.#known;
    const books = drawBooks(number, this.#place.bookSchemas);
    const expected = await sequential(this.#place, books);
    this.#known = { number, books, expected, imbalances: this.#imbalances(expected.entries, false) };
    return this.#known;
  }

  #differences(expected: Outcome, simulated: Simulated): string[] {
    const findings: string[] = [];
    for (const { processor, partition, topic } of this.#place.tasks) {
      const name = `${topic}/${partition}`;
      // Whoever reads a compacted input late sees fewer steps to the same end.
      const whole = !simulated.inputCompacted || processor.inputs.every(({ from }) => from === 'cdc');
      const wanted = expected.entries.get(name) ?? [];
      const got = simulated.entries.get(name) ?? [];
      if (whole) findings.push(...entryDifferences(name, wanted, got));
      else findings.push(...dataDifferences(name, this.#data(topic, wanted), this.#data(topic, got)));
      if (expected.states.get(name) !== simulated.states.get(name)) findings.push(`the state of ${name} differs`);
    }
    return findings;
  }

  /** The newest data of each key. */
  #data(topic: string, entries: readonly string[]): Map<string, string> {
    return newest(this.#decoded(topic, entries));
  }

  /** Money is moved, never made: at every position that was ever emitted, all accounts add up to nothing, and audit agrees with ledger. */
  #imbalances(entries: Outcome['entries'], inputCompacted: boolean): string[] {
    const findings: string[] = [];
    const all = Array.from({ length: PARTITIONS }, (_, partition) =>
      this.#decoded('views.inventory', entries.get(`views.inventory/${partition}`) ?? []),
    ).flat();
    all.sort((a, b) => (a.lsn < b.lsn ? -1 : Number(a.lsn > b.lsn)));
    const balances = new Map<string, number>();
    let total = 0;
    for (const [at, { id, lsn, data }] of all.entries()) {
      const balance = data !== null && 'onHand' in data ? data.onHand : 0;
      total += balance - (balances.get(id) ?? 0);
      balances.set(id, balance);
      if (all[at + 1]?.lsn !== lsn && total !== 0) findings.push(`accounts add up to ${total} at ${lsn.toString()}`);
    }
    if (inputCompacted) return findings.slice(0, 1);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for (const { id, data } of this.#decoded('views.pricing', entries.get(`views.pricing/${partition}`) ?? [])) {
        if (data === null || !('baseAmount' in data) || data.amount === data.baseAmount) continue;
        findings.push(`ledger says ${data.amount} of ${id} where its movements add up to ${data.baseAmount}`);
      }
    }
    return findings.slice(0, 2);
  }

  #decoded(topic: string, entries: readonly string[]) {
    const codec = this.#place.codecs.get(topic);
    return entries.flatMap((entry) => {
      const at = entry.indexOf('=');
      if (at === entry.length - 1) return [];
      return codec?.decode(Buffer.from(entry.slice(0, at), 'latin1'), Buffer.from(entry.slice(at + 1), 'latin1')) ?? [];
    });
  }
}

function reportOf(seed: number, findings: readonly string[], simulated: Simulated): SeedReport {
  const { faults, fromSnapshots, fromStandbys, redriven } = simulated;
  return { seed, findings, faults, fromSnapshots, fromStandbys, redriven };
}

const newest = (entries: readonly ViewEntry[]): Map<string, string> =>
  new Map(entries.map(({ id, data }) => [id, JSON.stringify(data)]));

function entryDifferences(name: string, wanted: readonly string[], got: readonly string[]): string[] {
  for (let at = 0; at < Math.max(wanted.length, got.length); at++) {
    if (wanted[at] === got[at]) continue;
    const key = (entry: string | undefined): string => entry?.slice(0, entry.indexOf('=')) ?? 'none';
    return [`entry ${at} of ${name} is ${key(got[at])}, in the sequential run ${key(wanted[at])}`];
  }
  return [];
}

function dataDifferences(
  name: string,
  wanted: ReadonlyMap<string, string>,
  got: ReadonlyMap<string, string>,
): string[] {
  for (const id of new Set([...wanted.keys(), ...got.keys()])) {
    if (wanted.get(id) !== got.get(id)) return [`${id} of ${name} ends as another than in the sequential run`];
  }
  return [];
}
