import { PlatformError } from '@millrace/kernel/errors';
import type { ViewTopic } from '../topics/index.ts';
import type { ViewKind } from '../views/index.ts';

/** A view as operators name it (`millrace rebuild catalog`): the output of one processor, in every store that holds it. */
export type ViewName =
  'inventory' | 'pricing' | 'catalog' | 'orders' | 'sales' | 'carts' | 'recommendations' | 'behaviour';
export const viewNames: readonly ViewName[] = [
  'inventory',
  'pricing',
  'catalog',
  'orders',
  'sales',
  'carts',
  'recommendations',
  'behaviour',
];

/** The views that each store holds: facts for analytics are in ClickHouse alone, what is searched for in the search index. */
export const viewsInStore = {
  redis: ['inventory', 'pricing', 'catalog', 'orders', 'carts', 'recommendations'],
  elasticsearch: ['catalog'],
  clickhouse: viewNames,
} as const satisfies Readonly<Record<string, readonly ViewName[]>>;

/** The first generation of a view; its names are the plain ones. */
export const FIRST_GENERATION = 1;

/** The first log of a view; its topic has the plain name. */
export const FIRST_LOG = 1;

/** Which generation of a view is meant: the active one, or the one that somebody fills. Views have generations of their own. */
export type GenerationOf = (view: ViewName) => number;

export const firstGeneration: GenerationOf = () => FIRST_GENERATION;

const viewOfKind: Readonly<Record<ViewKind, ViewName>> = {
  stock: 'inventory',
  movement: 'inventory',
  stockevent: 'inventory',
  price: 'pricing',
  pricechange: 'pricing',
  product: 'catalog',
  order: 'orders',
  sale: 'sales',
  cart: 'carts',
  recommendation: 'recommendations',
  session: 'behaviour',
  latebehaviour: 'behaviour',
};

/** The view that an entry of this kind belongs to: whose watermark says how fresh it is. */
export function viewHolding(kind: ViewKind): ViewName {
  return viewOfKind[kind];
}

/** The topic of a view's first log, without prefix. */
export function topicOfView(view: ViewName): ViewTopic {
  return `views.${view}`;
}

/** The topic of one of a view's logs, without prefix. A later one is made anew from `cdc.*` beside the first (`docs/generations.md`). */
export function topicOfLog(view: ViewName, log: number): ViewTopic | `${ViewTopic}.g${number}` {
  return log === FIRST_LOG ? topicOfView(view) : `${topicOfView(view)}.g${log}`;
}

/** Which log of which view a topic is; null where it is none. */
export function logOfTopic(topic: string, prefix = ''): { view: ViewName; log: number } | null {
  if (!topic.startsWith(prefix)) return null;
  const [, name, log] = /^views\.([a-z]+)(?:\.g([1-9]\d*))?$/.exec(topic.slice(prefix.length)) ?? [];
  const view = viewNames.find((candidate) => candidate === name);
  return view === undefined ? null : { view, log: log === undefined ? FIRST_LOG : Number(log) };
}

/** Throws `internal` for a topic that is no view's. */
export function viewOfTopic(topic: string, prefix = ''): ViewName {
  const found = logOfTopic(topic, prefix);
  if (found === null) throw new PlatformError('internal', `${topic} is not the topic of a view`);
  return found.view;
}
