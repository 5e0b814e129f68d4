/** Bytes waiting to be written at which the source is paused; it goes on at half of it. */
const MAX_QUEUED_BYTES = 16_777_216;

export interface WriteQueueOptions {
  readonly onPressure: (pressed: boolean) => void;
  /** A step failed: none after it is made. */
  readonly onFailure: (error: unknown) => void;
}

/** One thing at a time on the spool's disk, in the order it was asked for. */
export class WriteQueue {
  readonly #options: WriteQueueOptions;
  #last: Promise<void> = Promise.resolve();
  #queuedBytes = 0;
  #pressed = false;
  #failed = false;

  constructor(options: WriteQueueOptions) {
    this.#options = options;
  }

  /** `step` holds `bytes` in memory until it is done. One that gives something back is made also after a failure. */
  add(bytes: number, step: () => Promise<void>, givesBack = false): void {
    this.#account(bytes);
    this.#last = this.#last.then(async () => {
      try {
        if (!this.#failed || givesBack) await step();
      } catch (error) {
        this.#failed = true;
        this.#options.onFailure(error);
      }
      this.#account(-bytes);
    });
  }

  /** Resolves when all that was added before is done, or has failed: `true` where it is on the disk. */
  async settled(): Promise<boolean> {
    await this.#last;
    return !this.#failed;
  }

  #account(bytes: number): void {
    this.#queuedBytes += bytes;
    const limit = this.#pressed ? MAX_QUEUED_BYTES / 2 : MAX_QUEUED_BYTES;
    const pressed = this.#queuedBytes > limit;
    if (pressed === this.#pressed) return;
    this.#pressed = pressed;
    this.#options.onPressure(pressed);
  }
}
