/** Time and timers, injected so that tests do not wait. */
export interface GatheringClock {
  nowMs(): number;
  after(delayMs: number, run: () => void): void;
}

export const gatheringClock: GatheringClock = {
  nowMs: () => performance.now(),
  after(delayMs, run) {
    if (delayMs <= 0) setImmediate(run);
    else setTimeout(run, delayMs);
  },
};

/** What comes so soon after the last belongs to one flow. */
const FLOWING_MS = 0.5;
/** So many small reads in a row, and it is worth waiting for more. */
const STREAK = 8;
const SMALL_BYTES = 16_384;
const GATHER_MS = 1;

/**
 * Postgres sends each change as soon as it has decoded it, so a reader that keeps up is woken for every few hundred bytes, at more cost than
 * what they say takes to decode. In a flow of small reads this stops reading for a millisecond, so that the next one brings what came meanwhile;
 * what comes singly is read at once.
 */
export class ReadGathering {
  readonly #clock: GatheringClock;
  readonly #hold: (held: boolean) => void;
  #lastMs = Number.NEGATIVE_INFINITY;
  #streak = 0;
  #held = false;
  /** What the socket has read by itself while it was held comes out piece by piece, and says nothing about the flow. */
  #givingOut = false;

  /** `hold` stops reading and goes on. */
  constructor(hold: (held: boolean) => void, clock = gatheringClock) {
    this.#hold = hold;
    this.#clock = clock;
  }

  /** A read brought so many bytes. */
  read(bytes: number): void {
    const nowMs = this.#clock.nowMs();
    const flowing = bytes < SMALL_BYTES && nowMs - this.#lastMs < FLOWING_MS;
    this.#lastMs = nowMs;
    if (this.#givingOut) return;
    this.#streak = flowing ? this.#streak + 1 : 0;
    if (this.#streak < STREAK || this.#held) return;
    this.#held = true;
    this.#hold(true);
    this.#clock.after(GATHER_MS, () => {
      this.#held = false;
      this.#givingOut = true;
      this.#hold(false);
      this.#clock.after(0, () => {
        this.#givingOut = false;
        this.#streak = 0;
      });
    });
  }
}
