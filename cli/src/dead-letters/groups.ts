import type { Letter } from './letter.ts';
import type { ParkedAggregate } from './parked-client.ts';

/**
 * `parked`: rows of the aggregate wait here for a redrive. `past`: the aggregate goes on again. `kept`: nothing waits for it; what the record said is missing
 * until its key is written again, or the view rebuilt. `unknown`: the processors do not answer.
 */
export type LetterState = 'parked' | 'past' | 'kept' | 'unknown';

/** The letters of one aggregate from one input at one processor, or those without an aggregate. */
export interface LetterGroup {
  readonly processor: string;
  readonly topic: string;
  readonly partition: number;
  readonly aggregate: string | null;
  readonly state: LetterState;
  /** Records, each once however often it was written. */
  readonly records: number;
  /** Of them, those that wait. */
  readonly waiting: number;
  /** Of the first that was not only parked behind another. */
  readonly kind: string;
  readonly message: string;
  readonly position: string | null;
  readonly firstAt: string;
  readonly lastAt: string;
  /** Id of the letter that says why. */
  readonly letter: string;
}

export interface LetterFilter {
  /** A processor or the view that a sink reads; of each, whichever of the view's logs. */
  readonly view?: string | undefined;
  readonly topic?: string | undefined;
  readonly aggregate?: string | undefined;
  readonly kind?: string | undefined;
  /** ISO: groups with a letter since then. */
  readonly since?: string | undefined;
  /** ISO: groups whose first letter is older. */
  readonly before?: string | undefined;
  readonly state?: LetterState | undefined;
}

interface Open {
  reason: Letter;
  firstAt: string;
  lastAt: string;
  readonly origins: Set<string>;
}

/** Brings letters together. Memory grows with the aggregates and with the origins of their records, not with values. */
export class LetterGroups {
  readonly #groups = new Map<string, Open>();

  take(letter: Letter): void {
    const key = keyOf(letter.processor, letter.origin.topic, letter.aggregate ?? `\u0000${letter.id}`);
    const origin = `${letter.origin.offset}@${letter.origin.offset === '-1' ? letter.position : ''}`;
    const group = this.#groups.get(key);
    if (group === undefined) {
      this.#groups.set(key, {
        reason: letter,
        firstAt: letter.at,
        lastAt: letter.at,
        origins: new Set([origin]),
      });
      return;
    }
    group.lastAt = letter.at;
    // The newest reason: an older one of the same aggregate was redriven or dropped.
    if (letter.kind !== 'parked' && !group.origins.has(origin)) group.reason = letter;
    group.origins.add(origin);
  }

  /** @param parked null where the processors do not answer. */
  list(parked: readonly ParkedAggregate[] | null, filter: LetterFilter = {}): LetterGroup[] {
    const waiting = new Map(
      (parked ?? []).map((one) => [keyOf(one.processor, one.topic, one.aggregate), one] as const),
    );
    return [...this.#groups]
      .map(([key, { reason, firstAt, lastAt, origins }]): LetterGroup => {
        const { processor, aggregate, origin, kind, message, position } = reason;
        const waits = waiting.get(key);
        const isKept = aggregate === null || processor.startsWith('sinks/');
        const state = isKept ? 'kept' : parked === null ? 'unknown' : waits === undefined ? 'past' : 'parked';
        return {
          ...{ processor, aggregate, state, kind, message, position, firstAt, lastAt },
          topic: origin.topic,
          partition: origin.partition,
          records: origins.size,
          waiting: waits?.records ?? 0,
          letter: reason.id,
        };
      })
      .filter((group) => matches(group, filter));
  }
}

function matches(group: LetterGroup, { view, topic, aggregate, kind, since, before, state }: LetterFilter): boolean {
  return (
    (view === undefined || firstOf(group.processor) === view || firstOf(group.topic) === `views.${view}`) &&
    (topic === undefined || group.topic === topic) &&
    (aggregate === undefined || group.aggregate === aggregate) &&
    (kind === undefined || group.kind === kind) &&
    (since === undefined || group.lastAt >= since) &&
    (before === undefined || group.firstAt < before) &&
    (state === undefined || group.state === state)
  );
}

/** Of a processor or topic of any log of a view: as the first log's is called. */
const firstOf = (name: string): string => name.replace(/\.g\d+$/, '');

const keyOf = (processor: string, topic: string, aggregate: string): string => `${processor}\n${topic}\n${aggregate}`;
