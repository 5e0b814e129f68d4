/** java.util.Random: the generator's events are those of the public one only with its very numbers. 48 bits, in two halves of 24. */
export class JavaRandom {
  #high = 0;
  #low = 0;

  constructor(seed: number) {
    this.seed(seed);
  }

  /** Of a seed that is a safe integer above or equal 0. */
  seed(seed: number): void {
    this.#high = (Math.floor(seed / 0x1000000) & 0xffffff) ^ 0x5de;
    this.#low = (seed & 0xffffff) ^ 0xece66d;
  }

  /** A whole number in [0, bound). */
  nextInt(bound: number): number {
    if ((bound & -bound) === bound) return Math.floor((bound * this.#next(31)) / 0x80000000);
    for (;;) {
      const bits = this.#next(31);
      const value = bits % bound;
      if (bits - value + (bound - 1) < 0x80000000) return value;
    }
  }

  /** Any 32 bits, signed. */
  nextInt32(): number {
    return this.#next(32) | 0;
  }

  /** In [0, 1). */
  nextDouble(): number {
    return (this.#next(26) * 0x8000000 + this.#next(27)) / 0x20000000000000;
  }

  #next(bits: number): number {
    const low = this.#low * 0xece66d + 0xb;
    this.#high = (this.#high * 0xece66d + this.#low * 0x5de + Math.floor(low / 0x1000000)) % 0x1000000;
    this.#low = low % 0x1000000;
    return Math.floor((this.#high * 0x1000000 + this.#low) / 2 ** (48 - bits));
  }
}
