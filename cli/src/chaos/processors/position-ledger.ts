import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';

/** `log`: each record of a key is of a later position than the one before. `store`: what is seen again may be the same. */
export type Kind = 'log' | 'store';

const SHOWN = 20;

/** Every position that was seen of every key, by where it was seen; it notes which go back, and in a log also which come twice. */
export class PositionLedger {
  readonly #last = new Map<string, Map<string, Lsn>>();
  readonly #findings: string[] = [];
  #seen = 0;
  #wentBack = 0;
  #repeated = 0;

  get seen(): number {
    return this.#seen;
  }

  get wentBack(): number {
    return this.#wentBack;
  }

  get repeated(): number {
    return this.#repeated;
  }

  /** The first ones. */
  get findings(): readonly string[] {
    return this.#findings;
  }

  take(kind: Kind, where: string, key: string, position: Lsn): void {
    this.#seen++;
    let known = this.#last.get(where);
    if (known === undefined) this.#last.set(where, (known = new Map<string, Lsn>()));
    const before = known.get(key) ?? -1n;
    if (position > before) known.set(key, position);
    else if (position < before) {
      this.#wentBack++;
      this.#note(`${where} ${key} went back from ${lsnText(before)} to ${lsnText(position)}`);
    } else if (kind === 'log') {
      this.#repeated++;
      this.#note(`${where} ${key} came twice at ${lsnText(position)}`);
    }
  }

  #note(finding: string): void {
    if (this.#findings.length < SHOWN) this.#findings.push(finding);
  }
}
