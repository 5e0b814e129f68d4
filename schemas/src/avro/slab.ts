const SLAB_BYTES = 65_536;

/**
 * Hands out parts of larger buffers: cheaper than a buffer each, but a part that is kept keeps 64 KiB. For records that are gone soon, all of them
 * together. A part is the caller's: nothing writes there again.
 */
export class Slab {
  #buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #at = 0;

  text(value: string): Buffer {
    // UTF-8 takes three bytes for a UTF-16 unit at most.
    this.#reserve(value.length * 3);
    const start = this.#at;
    this.#at += this.#buffer.write(value, start);
    return this.#buffer.subarray(start, this.#at);
  }

  /** What `write` puts at the offset it is given: it answers its end, or a negative number where there was too little room. */
  part(write: (buffer: Buffer, at: number) => number): Buffer {
    for (let bytes = 256; ; bytes *= 4) {
      const start = this.#at;
      const end = write(this.#buffer, start);
      if (end >= 0) {
        this.#at = end;
        return this.#buffer.subarray(start, end);
      }
      this.#reserve(Math.max(bytes, this.#buffer.length - start + 1));
    }
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
    this.#at = 0;
  }
}
