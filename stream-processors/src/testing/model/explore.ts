/** A system to explore: its states are plain data, and every way on from each is listed. */
export interface System<S> {
  readonly initial: S;
  /** Every state that one atomic action leads to, with the action's name. */
  next(state: S): Iterable<readonly [action: string, state: S]>;
  /** What is wrong with the state; null: nothing. */
  wrong(state: S): string | null;
}

export interface Exploration {
  readonly states: number;
  /** The shortest way to something wrong; null: there is none within the bounds of the system. */
  readonly fault: { readonly what: string; readonly trace: readonly string[] } | null;
}

interface Seen {
  readonly from: number;
  readonly action: string;
}

/** Every reachable state, breadth first, until one is wrong. Throws where there are more than `most`: the bounds are too wide then. */
export function explore<S>(system: System<S>, most = 3_000_000): Exploration {
  const known = new Set<string>([JSON.stringify(system.initial)]);
  const seen: Seen[] = [{ from: -1, action: 'start' }];
  let level: { at: number; state: S }[] = [{ at: 0, state: system.initial }];
  while (level.length > 0) {
    const deeper: typeof level = [];
    for (const { at, state } of level) {
      const what = system.wrong(state);
      if (what !== null) return { states: known.size, fault: { what, trace: traceOf(seen, at) } };
      for (const [action, next] of system.next(state)) {
        const key = JSON.stringify(next);
        if (known.has(key)) continue;
        known.add(key);
        deeper.push({ at: seen.push({ from: at, action }) - 1, state: next });
      }
      if (known.size > most) throw new Error(`more than ${most} states`);
    }
    level = deeper;
  }
  return { states: known.size, fault: null };
}

function traceOf(seen: readonly Seen[], last: number): string[] {
  const trace: string[] = [];
  for (let at = last; at > 0; at = seen[at]?.from ?? -1) trace.unshift(seen[at]?.action ?? '');
  return trace;
}
