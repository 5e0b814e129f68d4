/**
 * The tasks of a process one after another, while they have more to do than time. What a poll brought is at hand without the event loop, so tasks that work off
 * a backlog would go round among themselves for seconds, and whoever asks the process something (an operator, Kafka, the group) would wait as long:
 * between any two turns the loop comes by.
 */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when all who asked before had their turn, and the event loop has been round since. */
  next(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#last;
  }
}
