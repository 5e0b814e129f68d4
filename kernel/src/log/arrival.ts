/** What a waiting poll waits on. Whoever may have given it something to do calls `wake`; it then looks for itself. One waits at a time. */
export class Arrival {
  #wake: (() => void) | null = null;

  wake(): void {
    this.#wake?.();
  }

  /** Resolves at `wake`, after `maxWaitMs`, or when the signal aborts. */
  wait(maxWaitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', settle);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(settle, maxWaitMs);
      signal?.addEventListener('abort', settle, { once: true });
      this.#wake = settle;
    });
  }
}
