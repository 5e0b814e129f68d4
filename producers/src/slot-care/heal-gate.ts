import { sleep } from '@millrace/kernel/retry';
import type { HealCause } from './verdict.ts';

/** What stands between the slot and the log, and what the operator can do. */
export interface Refusal {
  readonly cause: HealCause;
  readonly what: string;
}

const LOOK_AGAIN_MS = 5_000;

/** Whether a new snapshot of everything may be made: by setting, or when an operator says so. */
export class HealGate {
  readonly #always: boolean;
  #granted = false;
  #wake: () => void = () => undefined;

  constructor(always: boolean) {
    this.#always = always;
  }

  get open(): boolean {
    return this.#always || this.#granted;
  }

  /** Once: for the refusal that stands now. */
  grant(): void {
    this.#granted = true;
    this.#wake();
  }

  close(): void {
    this.#granted = false;
  }

  /** Resolves when granted, or when it is time to look again. Rejects when the signal aborts. */
  async waited(signal: AbortSignal): Promise<void> {
    const granted = new Promise<void>((resolve) => (this.#wake = resolve));
    const looked = new AbortController();
    const either = AbortSignal.any([signal, looked.signal]);
    try {
      await Promise.race([granted, sleep(LOOK_AGAIN_MS, either)]);
    } finally {
      looked.abort();
    }
  }
}

export function refusalText({ what }: Refusal): string {
  return (
    `${what}; changes may be missing from the log. Run \`millrace capture heal\` (truncates and copies every captured table again), ` +
    'or start the producers with AUTO_HEAL=true'
  );
}
