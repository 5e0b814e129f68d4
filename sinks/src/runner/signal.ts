/** Lets loops wait for one another: `wait` resolves at the next `notify`, or at once where one came since the last `wait`. */
export class Signal {
  #notified = false;
  #waiting: (() => void) | null = null;

  notify(): void {
    this.#notified = true;
    this.#waiting?.();
  }

  /** One waiter at a time. */
  async wait(): Promise<void> {
    if (!this.#notified) await new Promise<void>((resolve) => (this.#waiting = resolve));
    this.#waiting = null;
    this.#notified = false;
  }
}
