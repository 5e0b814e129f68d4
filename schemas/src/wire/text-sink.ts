const ZERO = 0x30;

/** Takes texts one after the other into one growing buffer. What a view of it shows stays as it is until `clear`. */
export class TextSink {
  buffer: Buffer = Buffer.allocUnsafeSlow(256);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** Makes room for so many bytes; the methods below write into what was reserved. */
  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  byte(value: number): void {
    this.buffer[this.length++] = value;
  }

  /** ASCII, with its own reservation. */
  ascii(text: string): void {
    this.reserve(text.length);
    this.length += this.buffer.write(text, this.length, 'latin1');
  }

  /** A number that is not negative, in at least `width` digits. */
  digits(value: number, width: number): void {
    let count = width;
    for (let limit = 10 ** width; value >= limit; limit *= 10) count++;
    let rest = value;
    for (let at = this.length + count - 1; at >= this.length; at--) {
      const tenth = Math.floor(rest / 10);
      this.buffer[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
    this.length += count;
  }
}
