import { asPlatformError, isKind } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import type { Origin } from './element.ts';
import type { HandlerContext } from './handler-context.ts';
import type { DeadLetter, TaskInput } from './task-options.ts';
import type { TaskState } from './task-state.ts';

/** What goes to the dead-letter topic, and where it comes from. */
export interface PutAside {
  readonly input: number;
  /** Null where no row is at fault: an emit, a timer. */
  readonly origin: Origin | null;
  /** -1 where there is no row. */
  readonly offset: bigint;
  /** Null where it is not known whose it is: nothing is parked then. */
  readonly aggregate: string | null;
  /** Key of the timer whose handler threw. */
  readonly timer?: string;
}

/** Parks aggregates, and collects what goes to the dead-letter topic, in order. */
export class PuttingAside {
  /** The runner appends them before the batch that they are followed by, and empties the list. */
  readonly letters: DeadLetter[] = [];
  readonly #state: TaskState;
  readonly #context: HandlerContext;
  readonly #inputs: readonly TaskInput[];
  readonly #life: string;

  constructor(state: TaskState, context: HandlerContext, inputs: readonly TaskInput[], life: string) {
    this.#state = state;
    this.#context = context;
    this.#inputs = inputs;
    this.#life = life;
  }

  /** Undoes the handler's call, parks the aggregate, puts the row aside. @throws `state-disk`, which is nobody's row's fault. */
  failed(error: unknown, what: PutAside): void {
    if (isKind(error, 'state-disk')) throw error;
    this.#state.journal.rollback();
    const { kind, message } = asPlatformError(error);
    const said = error instanceof Error ? message : String(error);
    this.#add(what, kind === 'internal' ? 'handler-failed' : kind, said);
  }

  /** A later row of an aggregate that is parked. */
  follows(what: PutAside): void {
    this.#add(what, 'parked', 'an earlier row of this aggregate is parked');
  }

  #add({ input, origin, offset, aggregate, timer }: PutAside, kind: string, message: string): void {
    const from = this.#inputs[input];
    if (from === undefined) return;
    const { parked, journal } = this.#state;
    const { lsn } = this.#context;
    const id = aggregate === null ? null : parked.add(from.topic, aggregate, lsnText(lsn), message, this.#life);
    journal.clear();
    this.letters.push({
      input: from,
      offset,
      key: origin === null ? Buffer.from(aggregate ?? '') : origin.key && Buffer.from(origin.key),
      value: origin?.value ? Buffer.from(origin.value) : null,
      kind,
      message,
      lsn,
      timer: timer ?? null,
      parks: id?.number === 1 ? aggregate : null,
      id,
    });
  }
}
