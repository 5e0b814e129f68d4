import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { Difference, Findings } from './comparison.ts';

/**
 * What the rounds of comparing one store have come to. A difference is confirmed only if it is there at two pins in a row, and between them none of the
 * others went away: a change of reference data reaches many documents in the background, and while it does their number falls. What the store holds
 * at a later position than the pin has moved on and is compared again; a position that was seen before the pin was made and is still past it is none
 * that any commit has, and is confirmed as a difference at once.
 */
export class Rounds {
  readonly #confirmed = new Map<string, Difference>();
  #left: number;
  #checked = 0;
  #uncounted = 0;
  #suspects = new Set<string>();
  #differedBefore = new Set<string>();
  #movedBefore: ReadonlyMap<string, Lsn> = new Map();

  constructor(rounds: number) {
    this.#left = rounds;
  }

  get checked(): number {
    return this.#checked;
  }

  get confirmed(): readonly Difference[] {
    return [...this.#confirmed.values()];
  }

  /** Neither right nor wrong so far. */
  get unsettled(): number {
    return this.#suspects.size + this.#uncounted;
  }

  /** To be compared in the next round. */
  get suspects(): ReadonlySet<string> {
    return this.#suspects;
  }

  get isOver(): boolean {
    return this.#left <= 0 || this.#suspects.size === 0;
  }

  /** Whether something differed in the last round. */
  get differed(): boolean {
    return this.#differedBefore.size > 0;
  }

  /** Takes the first round, of every document that is asked for; `uncounted` of them were seen to be wrong and are not followed up. */
  begin(found: Findings, uncounted = 0): void {
    this.#checked = found.checked;
    this.#uncounted = uncounted;
    this.#take(found);
  }

  /** Takes a later round, of the suspects. `pin` was made after the round before it. */
  goOn(found: Findings, pin: Lsn): void {
    this.#take(found, pin);
  }

  #take({ differences, moved }: Findings, pin?: Lsn): void {
    const isFewer = differences.length < this.#differedBefore.size;
    const open = new Set<string>();
    for (const difference of differences) {
      if (this.#differedBefore.has(difference.key) && !isFewer) this.#confirmed.set(difference.key, difference);
      else open.add(difference.key);
    }
    const again = new Map<string, Lsn>();
    for (const [id, position] of moved) {
      if (pin !== undefined && position > pin && this.#movedBefore.get(id) === position)
        this.#confirmed.set(id, ahead(id, position, pin));
      else again.set(id, position);
    }
    this.#movedBefore = again;
    this.#suspects = new Set([...again.keys(), ...open]);
    this.#differedBefore = open;
    if (!isFewer) this.#left--;
  }
}

function ahead(key: string, position: Lsn, pin: Lsn): Difference {
  const [expected, actual] = [`at most ${lsnText(pin)}`, lsnText(position)];
  return { key, kind: 'different', fields: [{ field: 'position', expected, actual }], position: actual };
}
