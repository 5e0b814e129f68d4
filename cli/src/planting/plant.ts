import type { CliConfig } from '../config/index.ts';
import { redisGenerations, searchGeneration } from '../lag/index.ts';
import type { StoreClients } from '../lag/index.ts';
import type { DifferenceKind, StoreView } from '../verify/index.ts';
import { clickhousePlanter } from './clickhouse.ts';
import type { Planter } from './planter.ts';
import { redisPlanter } from './redis.ts';
import { searchPlanter } from './search.ts';

/** A document that was made wrong. */
export interface Planted {
  readonly view: string;
  readonly store: string;
  readonly key: string;
  readonly kind: DifferenceKind;
  /** What was done to it. */
  readonly way: string;
}

/** Documents of a view that are looked at before it is said to have no more. */
const LOOKED_AT = 2_000;

/**
 * Makes about `count` documents wrong in these stores, behind the sinks' back: every way there is for every view in every store at least once, as far as
 * it has documents, each in a document of its own. For tests and benches: nothing but a repair brings back what was there.
 */
export async function plantDifferences(
  clients: StoreClients,
  config: CliConfig,
  views: readonly StoreView[],
  count: number,
): Promise<Planted[]> {
  const generationOf = await redisGenerations(clients, config);
  const planters: Readonly<Record<string, Planter>> = {
    redis: redisPlanter(clients, config, generationOf),
    elasticsearch: searchPlanter(clients, config, await searchGeneration(clients, config)),
    clickhouse: clickhousePlanter(clients, config, generationOf),
  };
  const planted: Planted[] = [];
  const used = new Set<string>();
  const plantable = views.filter((view) => (planters[view.store]?.ways(view).length ?? 0) > 0);
  const most = Math.ceil(count / plantable.length);
  for (const view of plantable) {
    const planter = planters[view.store];
    if (planter === undefined) continue;
    planted.push(...(await plantIn(view, planter, most, used)));
    await planter.done();
  }
  return planted;
}

async function plantIn(view: StoreView, planter: Planter, most: number, used: Set<string>): Promise<Planted[]> {
  const planted: Planted[] = [];
  const { view: name, store } = view;
  const ids = await someIds(view, used);
  const ways = planter.ways(view);
  const useless = new Set<string>();
  for (let at = 0; planted.length < most && ids.length > 0 && useless.size < ways.length; at++) {
    const way = ways[at % ways.length];
    if (way === undefined || useless.has(way.name)) continue;
    const id = ids.pop() ?? '';
    const key = await way.plant(id);
    used.add(`${name}/${id}`);
    if (key === null) useless.add(way.name);
    else planted.push({ view: name, store, key, kind: way.kind, way: way.name });
  }
  return planted;
}

/** Ids from all over the view, of documents that are right. */
async function someIds(view: StoreView, used: ReadonlySet<string>): Promise<string[]> {
  const ids: string[] = [];
  for await (const page of view.ids()) {
    ids.push(...page.filter((id) => !used.has(`${view.view}/${id}`)));
    if (ids.length >= LOOKED_AT) break;
  }
  return [...new Set(ids)].toSorted((left, right) => (left.slice(-6) < right.slice(-6) ? -1 : 1));
}
