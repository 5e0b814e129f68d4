import type { Lsn } from '@millrace/kernel/position';
import type { Element } from './element.ts';
import type { HandlerContext } from './handler-context.ts';
import type { Parked } from './parked.ts';
import type { AnyProcessor } from './processor.ts';
import type { Journal } from './journal.ts';

/** One thing to do again. */
export interface RedriveStep {
  readonly input: number;
  readonly lsn: Lsn;
  readonly again:
    | { readonly kind: 'record'; readonly element: Exclude<Element, { kind: 'watermark' }> }
    /** Its handler threw. */
    | { readonly kind: 'timer'; readonly key: string }
    /** What was made of the state could not be emitted. */
    | { readonly kind: 'emit' }
    /** A record that this release does not ask for. */
    | { readonly kind: 'nothing' };
}

/** All that waits for an aggregate in a task. */
export interface Redrive {
  readonly aggregate: string;
  /** Forget what waits instead of doing it: the aggregate goes on as it is, to be read from the tables again. */
  readonly drops: boolean;
  /** Emits the aggregate when nothing waits any more: what others changed of it meanwhile was not shown. */
  readonly emits: boolean;
  /** One for each record that waits, in order; none where it drops. */
  readonly steps: readonly RedriveStep[];
}

export interface RedriveOutcome {
  readonly aggregate: string;
  /** Records done again, or dropped. */
  readonly done: number;
  /** Records that still wait: one of them failed again. */
  readonly waiting: number;
  /** Why, where something failed again. */
  readonly error: string | null;
}

interface Place {
  readonly processor: AnyProcessor;
  /** Within a step, before anything else of it. */
  readonly context: HandlerContext;
  readonly journal: Journal;
  readonly parked: Parked;
  /** Of the inputs. */
  readonly topics: readonly string[];
}

/** Each redrive whole before the next. What they change belongs to the step. */
export function redriveAll(redrives: readonly Redrive[], place: Place): RedriveOutcome[] {
  const { context, journal } = place;
  return redrives.map((redrive) => {
    const outcome = redriveOne(redrive, place);
    context.onBehalfOf(redrive.aggregate);
    if (redrive.emits && outcome.waiting === 0) context.touch(redrive.aggregate);
    journal.clear();
    return outcome;
  });
}

/**
 * Does what waits, in order, as far as it goes: the first that fails again keeps its place, with all that follows. So an aggregate's rows are applied in the
 * order of their commits, or wait.
 */
function redriveOne({ aggregate, drops, steps }: Redrive, place: Place): RedriveOutcome {
  const { parked, topics } = place;
  const before = parked.of(aggregate);
  const records = before.reduce((sum, one) => sum + one.records, 0);
  if (drops) {
    for (const state of before) parked.release(state);
    return { aggregate, done: records, waiting: 0, error: null };
  }
  if (records !== steps.length) {
    return { aggregate, done: 0, waiting: records, error: 'more rows of it were put aside meanwhile: ask again' };
  }
  let done = 0;
  let error: string | null = null;
  for (const step of steps) {
    error = again(aggregate, step, place);
    if (error !== null) break;
    done++;
  }
  const rest = steps.slice(done);
  for (const state of before) {
    const waiting = rest.filter(({ input }) => topics[input] === state.topic).length;
    if (waiting === 0) parked.release(state);
    else parked.shorten(state, waiting, error ?? state.error);
  }
  return { aggregate, done, waiting: rest.length, error };
}

/** What was put aside, once more, with its own commit's time; answers why not, and then nothing of it is left. */
function again(aggregate: string, step: RedriveStep, { processor, context, journal }: Place): string | null {
  const { tsUs } = context;
  journal.clear();
  context.onBehalfOf(aggregate);
  try {
    switch (step.again.kind) {
      case 'nothing':
        break;
      case 'emit':
        context.touch(aggregate);
        break;
      case 'timer':
        processor.onTimer?.(step.again.key, context as never);
        break;
      case 'record': {
        const { element } = step.again;
        if (element.kind === 'poison') return element.error.message;
        if (element.tsUs > 0) context.tsUs = element.tsUs;
        context.onBehalfOfRow(element.origin);
        if (element.kind === 'change') processor.apply(element.change, context as never);
        else processor.applyView?.(element.entry, context as never);
      }
    }
    return null;
  } catch (error) {
    journal.rollback();
    return error instanceof Error ? error.message : String(error);
  } finally {
    context.tsUs = tsUs;
    journal.clear();
  }
}
