/**
 * Seeded randomness: the same parts always give the same numbers, on every machine. Not for secrets.
 * 128 bits of state, so that ids drawn from it do not collide.
 */
export interface Random {
  /** A whole number from 0 to 2³² − 1. */
  uint32(): number;
  /** A number in [0, 1). */
  next(): number;
  /** A whole number from min to max, both included. */
  int(min: number, max: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the values. The list must not be empty. */
  pick<T>(values: readonly T[]): T;
}

const { floor, imul } = Math;

type State = [number, number, number, number];

/** Randomness that belongs to these parts alone: `randomOf(seed, 'product', sku)`. */
export function randomOf(...parts: readonly (string | number)[]): Random {
  const state = stateOf(parts.join('\u001f'));
  const uint32 = () => step(state);
  // The first numbers after seeding are still like each other.
  for (let round = 0; round < 12; round += 1) step(state);
  const next = () => uint32() / 0x1_0000_0000;
  const int = (min: number, max: number) => min + floor(next() * (max - min + 1));
  return {
    uint32,
    next,
    int,
    chance: (probability) => next() < probability,
    pick: (values) => {
      const value = values[int(0, values.length - 1)];
      if (value === undefined) throw new RangeError('pick from an empty list');
      return value;
    },
  };
}

/** cyrb128: 128 bits from a text. */
function stateOf(text: string): State {
  let [a, b, c, d] = [1779033703, 3144134277, 1013904242, 2773480762];
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    a = b ^ imul(a ^ code, 597399067);
    b = c ^ imul(b ^ code, 2869860233);
    c = d ^ imul(c ^ code, 951274213);
    d = a ^ imul(d ^ code, 2716044179);
  }
  a = imul(c ^ (a >>> 18), 597399067);
  b = imul(d ^ (b >>> 22), 2869860233);
  c = imul(a ^ (c >>> 17), 951274213);
  d = imul(b ^ (d >>> 19), 2716044179);
  return [a ^ b ^ c ^ d, b ^ a, c ^ a, d ^ a];
}

/** sfc32: one number, and the state after it. */
function step(state: State): number {
  const [a, b, c, d] = state;
  const sum = (((a + b) | 0) + d) | 0;
  state[0] = b ^ (b >>> 9);
  state[1] = (c + (c << 3)) | 0;
  state[2] = (((c << 21) | (c >>> 11)) + sum) | 0;
  state[3] = (d + 1) | 0;
  return sum >>> 0;
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A UUID of version 7's shape: the time in front, so that ids sort by it, the rest drawn from `random`. */
export function uuidAt(random: Random, atMs: number): string {
  const time = atMs.toString(16).padStart(12, '0');
  const [x, y, z] = [random.uint32(), random.uint32(), random.uint32()];
  const version = (0x7000 | (x & 0x0fff)).toString(16);
  const variant = (0x8000 | ((x >>> 12) & 0x3fff)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-${version}-${variant}-${bytes(y, 4)}${bytes(z, 2)}`;
}

function bytes(value: number, count: number): string {
  let text = '';
  for (let at = 0; at < count; at += 1) text += hex[(value >>> (8 * at)) & 0xff] ?? '';
  return text;
}

/** The id of the thing these parts name: the same in every replay. */
export function stableId(atMs: number, ...parts: readonly (string | number)[]): string {
  return uuidAt(randomOf('id', ...parts), atMs);
}
