import { viewNames } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import { randomOf } from '../../shop/random.ts';

/** What the operator does to the generations of a view, one after the other. */
export type OperatorAct =
  | { readonly kind: 'rebuild'; readonly view: ViewName; readonly rate: number | null }
  | { readonly kind: 'rollback'; readonly view: ViewName }
  | { readonly kind: 'drop'; readonly view: ViewName };

/** Without end, from the seed alone. */
export function* operatorActs(seed: string): Generator<OperatorAct, never> {
  const random = randomOf(seed, 'views acts');
  for (;;) {
    const view = random.pick(viewNames);
    // Slow enough, at times, for a fault to meet it while it is being filled.
    yield { kind: 'rebuild', view, rate: random.chance(0.5) ? random.int(100, 600) : null };
    if (random.chance(0.3)) yield { kind: 'rollback', view };
    if (random.chance(0.5)) yield { kind: 'drop', view };
  }
}

/** The words after `millrace`. */
export function argumentsOf(act: OperatorAct): string[] {
  switch (act.kind) {
    case 'rebuild':
      return ['rebuild', act.view, '--json', ...(act.rate === null ? [] : ['--rate', String(act.rate)])];
    case 'rollback':
      return ['rollback', act.view, '--json'];
    case 'drop':
      return ['views', 'drop', act.view, '--json'];
  }
}
