/** Who starts waits here until it is opened; open at first. */
export class Gate {
  #open: () => void = () => undefined;
  passed: Promise<void> = Promise.resolve();

  shut(): void {
    this.passed = new Promise((resolve) => (this.#open = resolve));
  }

  open(): void {
    this.#open();
  }
}
