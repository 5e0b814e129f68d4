import { isKind } from '@millrace/kernel/errors';
import type { LogClient, LogRecord, LogWriter } from '@millrace/kernel/log';
import { lsnText } from '@millrace/kernel/position';
import { deadLetterHeaders } from '@millrace/schemas/dead-letters';
import { letterIdText } from './parked.ts';
import type { DeadLetter } from './task-options.ts';

/** What of a process opens the dead-letter topics, and how its barrier looks. */
export interface DeadLetterOptions {
  readonly log: LogClient;
  readonly writerName: string;
  readonly barrier: (epoch: number) => LogRecord;
}

/** Where a task puts what it could not process. Resolves when the records are durable. */
export interface DeadLetterSink {
  append(task: { processor: string; partition: number }, letters: readonly DeadLetter[]): Promise<void>;
}

/**
 * Appends to `<input topic>.dlq`, the partition of the input, in the order given. At least once: a task appends here before its position, so a
 * crash between the two repeats the record with the same origin headers. Opened at first use. Several processes share these topics; where
 * another one wrote in between, the writer is opened anew.
 */
export class DeadLetterLog implements DeadLetterSink {
  readonly #options: DeadLetterOptions;
  readonly #writers = new Map<string, Promise<LogWriter>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: DeadLetterOptions) {
    this.#options = options;
  }

  append(task: { processor: string; partition: number }, letters: readonly DeadLetter[]): Promise<void> {
    const done = this.#turn.then(() => this.#append(task, letters));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #append(task: { processor: string }, letters: readonly DeadLetter[]): Promise<void> {
    const byTarget = new Map<string, DeadLetter[]>();
    for (const letter of letters) {
      const target = `${letter.input.topic}/${letter.input.partition}`;
      const list = byTarget.get(target) ?? [];
      list.push(letter);
      byTarget.set(target, list);
    }
    for (const list of byTarget.values()) {
      const records = list.map((letter) => deadLetterRecord(task.processor, letter));
      for (let from = 0; from < records.length; from += 100) {
        const [first] = list;
        if (first !== undefined) await this.#write(first.input, records.slice(from, from + 100));
      }
    }
  }

  async #write(input: DeadLetter['input'], records: readonly LogRecord[]): Promise<void> {
    const topic = `${input.topic}.dlq`;
    const { partition } = input;
    for (let attempt = 1; ; attempt++) {
      const writer = await this.#writer(topic, partition);
      try {
        await writer.append([{ topic, partition, records }]);
        return;
      } catch (error) {
        this.#writers.delete(`${topic}/${partition}`);
        const another = isKind(error, 'log-fenced') || isKind(error, 'log-unknown-outcome');
        if (!another || attempt === 5) throw error;
      }
    }
  }

  #writer(topic: string, partition: number): Promise<LogWriter> {
    const { log, writerName, barrier } = this.#options;
    const key = `${topic}/${partition}`;
    let writer = this.#writers.get(key);
    if (writer === undefined) {
      writer = log.openWriter({ name: `${writerName}/${key}`, partitions: [{ topic, partition }], barrier });
      this.#writers.set(key, writer);
    }
    return writer;
  }
}

/** The record as it was, with where it came from and why it is here. `parked`: only because an earlier one of its aggregate is here. */
export function deadLetterRecord(processor: string, letter: DeadLetter): LogRecord {
  const header = (name: string, text: string): readonly [string, Buffer] => [name, Buffer.from(text)];
  return {
    key: letter.key,
    value: letter.value,
    headers: [
      header(deadLetterHeaders.processor, processor),
      header(deadLetterHeaders.topic, letter.input.topic),
      header(deadLetterHeaders.partition, String(letter.input.partition)),
      header(deadLetterHeaders.offset, letter.offset.toString()),
      header(deadLetterHeaders.kind, letter.kind),
      header(deadLetterHeaders.message, letter.message.slice(0, 1000)),
      header(deadLetterHeaders.position, lsnText(letter.lsn)),
      ...(letter.id === null ? [] : [header(deadLetterHeaders.parked, letterIdText(letter.id))]),
      ...(letter.timer === null ? [] : [header(deadLetterHeaders.timer, letter.timer)]),
    ],
  };
}
