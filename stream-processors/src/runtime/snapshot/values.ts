import type { Slot, StateStore } from '../state-store.ts';
import type { TaskState } from '../task-state.ts';

/** A part ends after so many, however few values they are. */
const PART_CHARACTERS = 128 * 1024;
const HEAD_WORDS = 4;

/**
 * Values of one store, many at a time: which store, how long each key and each value is (in UTF-16 units), then all keys as one text and all values
 * as one text. So that reading them makes two texts, of which each key and value is a piece, and not a buffer for each.
 */
export interface ValuesPart {
  readonly content: Buffer;
  readonly values: number;
}

/** A part of what `slots` still has, as of the last result; null at the end. `left`: no more than so many slots are looked at; `most`: values of it. */
export function nextPart(
  store: StateStore,
  slots: Iterator<Slot>,
  left: { slots: number },
  most: number,
): ValuesPart | null {
  const lengths: number[] = [];
  const keys: string[] = [];
  const values: string[] = [];
  let characters = 0;
  while (left.slots > 0 && values.length < most && characters < PART_CHARACTERS) {
    const next = slots.next();
    if (next.done === true) {
      left.slots = 0;
      break;
    }
    left.slots--;
    const json = store.asOfResult(next.value);
    if (json === undefined) continue;
    const { key } = next.value;
    lengths.push(key.length, json.length);
    keys.push(key);
    values.push(json);
    characters += key.length + json.length;
  }
  return values.length === 0
    ? null
    : { content: encode(store.recordPrefix, lengths, keys, values), values: values.length };
}

function encode(
  prefix: string,
  lengths: readonly number[],
  keys: readonly string[],
  values: readonly string[],
): Buffer {
  const keyText = keys.join('');
  const valueText = values.join('');
  const prefixBytes = Buffer.byteLength(prefix);
  const keyBytes = Buffer.byteLength(keyText);
  const lengthsAt = HEAD_WORDS * 4;
  const textAt = lengthsAt + lengths.length * 4;
  const content = Buffer.allocUnsafe(textAt + prefixBytes + keyBytes + Buffer.byteLength(valueText));
  for (const [at, word] of [keys.length, prefixBytes, keyBytes, textAt].entries()) content.writeUInt32LE(word, at * 4);
  for (let at = 0; at < lengths.length; at++) content.writeUInt32LE(lengths[at] ?? 0, lengthsAt + at * 4);
  content.write(prefix, textAt);
  content.write(keyText, textAt + prefixBytes);
  content.write(valueText, textAt + prefixBytes + keyBytes);
  return content;
}

/** Restores a part; answers how many values it has. Those of a store that this release has no more are left out. */
export function loadPart(state: TaskState, content: Buffer): number {
  const [count, prefixBytes, keyBytes, textAt] = [0, 4, 8, 12].map((at) => content.readUInt32LE(at)) as [
    number,
    number,
    number,
    number,
  ];
  const keysAt = textAt + prefixBytes;
  const prefix = content.toString('utf8', textAt, keysAt);
  const keys = content.toString('utf8', keysAt, keysAt + keyBytes);
  const values = content.toString('utf8', keysAt + keyBytes);
  const store = state.stores.find(({ recordPrefix }) => recordPrefix === prefix);
  if (store === undefined) return count;
  let keyAt = 0;
  let valueAt = 0;
  for (let index = 0, at = HEAD_WORDS * 4; index < count; index++, at += 8) {
    const keyEnd = keyAt + content.readUInt32LE(at);
    const valueEnd = valueAt + content.readUInt32LE(at + 4);
    store.load(keys.substring(keyAt, keyEnd), values.substring(valueAt, valueEnd));
    keyAt = keyEnd;
    valueAt = valueEnd;
  }
  state.loaded(count);
  return count;
}
