import type { AnyProcessor } from '../runtime/index.ts';

/**
 * The processor, watched: while one of its handlers runs, every clock, chance and I/O of the machine throws, and is noted. Lint sees what a
 * processor's own files reach for; this sees what they reach through others.
 */
export function barred(processor: AnyProcessor, noted: (what: string) => void): AnyProcessor {
  const during =
    <A extends unknown[]>(handler: string, call: (...args: A) => void) =>
    (...args: A): void => {
      const putBack = bar((what) => noted(`${handler} of ${processor.name} reached for ${what}`));
      try {
        call(...args);
      } finally {
        putBack();
      }
    };
  return {
    ...processor,
    apply: during('apply', processor.apply.bind(processor)),
    emit: during('emit', processor.emit.bind(processor)),
    ...(processor.applyView === undefined
      ? {}
      : { applyView: during('applyView', processor.applyView.bind(processor)) }),
    ...(processor.onTimer === undefined ? {} : { onTimer: during('onTimer', processor.onTimer.bind(processor)) }),
  };
}

const calls: readonly (readonly [object, string])[] = [
  [Date, 'now'],
  [Math, 'random'],
  [performance, 'now'],
  [process, 'hrtime'],
  [process, 'nextTick'],
  [crypto, 'randomUUID'],
  [crypto, 'getRandomValues'],
  ...['fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'].map(
    (name) => [globalThis, name] as const,
  ),
];

function bar(noted: (what: string) => void): () => void {
  const refuse = (what: string): never => {
    noted(what);
    throw new Error(`a handler reached for ${what}: it is a function of its inputs alone`);
  };
  const before = calls.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name));
  for (const [owner, name] of calls) {
    Object.defineProperty(owner, name, { configurable: true, writable: true, value: () => refuse(name) });
  }
  const PlainDate = Date;
  globalThis.Date = new Proxy(PlainDate, {
    // A time made of a number is as good as the number.
    construct: (target, args: unknown[], made) =>
      args.length === 0 ? refuse('new Date()') : (Reflect.construct(target, args, made) as Date),
    apply: () => refuse('Date()'),
  });
  return () => {
    globalThis.Date = PlainDate;
    for (const [at, [owner, name]] of calls.entries()) {
      const descriptor = before[at];
      if (descriptor === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, descriptor);
    }
  };
}
