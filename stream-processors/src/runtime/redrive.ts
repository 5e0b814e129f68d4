import { PlatformError } from '@millrace/kernel/errors';
import type { LogClient, RecordView } from '@millrace/kernel/log';
import { lsnFromText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import { deadLetterHeaders } from '@millrace/schemas/dead-letters';
import { aggregateOf } from './element.ts';
import { InputDecoder } from './input-decoder.ts';
import type { InputCodecs } from './input-decoder.ts';
import { InputQueue } from './merge.ts';
import { counts, letterIdOf } from './parked.ts';
import type { LetterId, ParkedState } from './parked.ts';
import type { InputSpec } from './processor.ts';
import type { RedriveStep } from './redrive-step.ts';
import type { TaskInput } from './task-options.ts';
import { TOMBSTONE_POSITION_HEADER } from './tombstone.ts';

/** Where a task's dead letters are, and how they are read. */
export interface RedriveSource {
  readonly processor: string;
  readonly inputs: readonly (TaskInput & { readonly spec: InputSpec })[];
  readonly codecs: InputCodecs;
  readonly log: LogClient;
}

const POLL_MS = 1_000;

/**
 * Reads what waits for an aggregate from the dead-letter topics, in the order in which it was put aside. A letter that a crash repeated comes once; those of an
 * earlier parking, and those of lives whose results never came, are left out.
 * Throws `conflict` where one that waits is not there: doing the others would leave a hole.
 */
export async function readRedrive(
  source: RedriveSource,
  aggregate: string,
  parked: readonly ParkedState[],
): Promise<RedriveStep[]> {
  const steps: RedriveStep[] = [];
  for (const state of parked) {
    const found = new Waiting(state);
    for (const [input, { topic, partition }] of source.inputs.entries()) {
      if (topic !== state.topic) continue;
      await scan(source.log, { topic: `${topic}.dlq`, partition }, (record) => {
        const letter = letterOf(record, source.processor, aggregate, input);
        if (letter !== null) found.add(letter);
      });
    }
    const waiting = found.inOrder();
    if (waiting.length !== state.records) {
      throw new PlatformError(
        'conflict',
        `${state.topic}.dlq has ${waiting.length} of ${state.records} records that wait for ${aggregate}: drop them, and have the aggregate read from the tables again`,
      );
    }
    for (const letter of waiting) steps.push(await stepOf(letter, source));
  }
  return steps.sort((a, b) => (a.lsn === b.lsn ? a.input - b.input : a.lsn < b.lsn ? -1 : 1));
}

interface Letter {
  readonly input: number;
  readonly offset: bigint;
  readonly lsn: Lsn;
  readonly id: LetterId | null;
  readonly timer: string | null;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** The letters that a parked state counts. */
class Waiting {
  readonly #state: ParkedState;
  readonly #byNumber = new Map<number, Letter>();
  /** Of releases that did not number them: all from where it was parked on, each once. */
  readonly #unnumbered: Letter[] = [];

  constructor(state: ParkedState) {
    this.#state = state;
  }

  add(letter: Letter): void {
    const { id, lsn } = letter;
    if (id !== null) {
      if (counts(this.#state, id)) this.#byNumber.set(id.number, letter);
      return;
    }
    if (lsn < lsnFromText(this.#state.sinceLsn)) return;
    if (!this.#unnumbered.some((known) => isSame(known, letter))) this.#unnumbered.push(letter);
  }

  inOrder(): Letter[] {
    const { done = 0, records, lives = [] } = this.#state;
    const numbered = lives[0]?.from ?? done + records + 1;
    const waiting: Letter[] = this.#unnumbered.length === numbered - 1 ? this.#unnumbered.slice(done) : [];
    for (let number = Math.max(done + 1, numbered); number <= done + records; number++) {
      const letter = this.#byNumber.get(number);
      if (letter !== undefined) waiting.push(letter);
    }
    return waiting;
  }
}

function letterOf(record: RecordView, processor: string, aggregate: string, input: number): Letter | null {
  const header = (name: string): string | undefined =>
    record.headers?.find(([known]) => known === name)?.[1].toString('utf8');
  if (header(deadLetterHeaders.processor) !== processor) return null;
  const offset = BigInt(header(deadLetterHeaders.offset) ?? '-1');
  const of = offset < 0n ? record.key?.toString('utf8') : aggregateOf(record.key);
  if (of !== aggregate) return null;
  const id = header(deadLetterHeaders.parked);
  return {
    ...{ input, offset, timer: header(deadLetterHeaders.timer) ?? null, id: id === undefined ? null : letterIdOf(id) },
    lsn: lsnFromText(header(deadLetterHeaders.position) ?? '0'),
    key: record.key && Buffer.from(record.key),
    value: record.value && Buffer.from(record.value),
  };
}

const isSame = (a: Letter, b: Letter): boolean =>
  a.input === b.input && a.offset === b.offset && (a.offset >= 0n || (a.lsn === b.lsn && a.timer === b.timer));

/** What cannot be read is a step that fails. */
async function stepOf(letter: Letter, { inputs, codecs }: RedriveSource): Promise<RedriveStep> {
  const { input, offset, lsn, timer, key, value } = letter;
  const spec = inputs[input]?.spec;
  if (timer !== null) return { input, lsn, again: { kind: 'timer', key: timer } };
  if (offset < 0n) return { input, lsn, again: { kind: 'emit' } };
  if (spec === undefined) return { input, lsn, again: { kind: 'nothing' } };
  const queue = new InputQueue(0n, 0n);
  const headers = value === null ? [tombstonePosition(spec, lsn)] : [];
  await new InputDecoder(spec, codecs, queue).feed({
    ...{ topic: spec.topic, partition: 0, nextOffset: offset + 1n, highWatermark: 0n, byteLength: 0 },
    records: [{ offset, timestampMs: 0, key, value, headers }],
  });
  const { head } = queue;
  if (head === undefined || head.kind === 'watermark') return { input, lsn, again: { kind: 'nothing' } };
  head.origin.own();
  return { input, lsn, again: { kind: 'record', element: head } };
}

/** A letter keeps key and value: where a tombstone stood for its delete, its position was in a header, and is the letter's. */
function tombstonePosition(spec: InputSpec, lsn: Lsn): [string, Buffer] {
  const bytes = Buffer.alloc(spec.from === 'cdc' ? 12 : 16);
  bytes.writeBigUInt64BE(lsn, 0);
  return [TOMBSTONE_POSITION_HEADER, bytes];
}

async function scan(log: LogClient, at: TaskInput, take: (record: RecordView) => void): Promise<void> {
  const range = (await log.admin.offsets(at.topic)).find(({ partition }) => partition === at.partition);
  if (range === undefined) return;
  const reader = log.createReader();
  try {
    reader.assign([{ ...at, offset: range.start }]);
    for (let next = range.start; next < range.end;) {
      for (const batch of await reader.poll(POLL_MS)) {
        for (const record of batch.records) if (record.offset < range.end) take(record);
        next = batch.nextOffset;
      }
    }
  } finally {
    await reader.close();
  }
}
