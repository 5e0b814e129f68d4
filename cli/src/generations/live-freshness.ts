import type { Lag } from '../lag/index.ts';

/** What readers see may be this old before whoever fills rests for it, ms; the sinks and the stream processors keep to the same. */
export const LATE_MS = 3_000;
/** What has stood still for so long does not wait for us, ms. */
const STILL_MS = 15_000;

/**
 * Tells whether a re-snapshot has to rest for what readers see. A view that stands still, since its processor or a store is away, is no
 * reason: it may be the very one that is to be mended.
 */
export class LiveFreshness {
  readonly #moved = new Map<string, { position: string; atMs: number }>();

  /** Whether a partition of a view that moves is late. */
  isLate(lags: readonly Lag[], nowMs: number): boolean {
    // Each is looked at: whether it moves is known from look to look.
    return lags.map((lag) => this.#isHurried(lag, nowMs)).includes(true);
  }

  #isHurried({ view, store, partition, position, ageMs }: Lag, nowMs: number): boolean {
    const name = `${view}/${store}/${partition}`;
    const known = this.#moved.get(name);
    if (known?.position !== position) this.#moved.set(name, { position, atMs: nowMs });
    const movedMs = this.#moved.get(name)?.atMs ?? nowMs;
    return ageMs !== null && ageMs > LATE_MS && nowMs - movedMs < STILL_MS;
  }
}
