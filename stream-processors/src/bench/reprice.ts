import type { LogClient, LogReader, LogWriter } from '@millrace/kernel/log';
import { sleep } from '@millrace/kernel/retry';
import { isOwnKey } from '@millrace/schemas/markers';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { topicSpecs } from '@millrace/schemas/topics';
import { createViewCodec } from '@millrace/schemas/views';
import type { PriceView, ViewCodec, ViewEntry } from '@millrace/schemas/views';
import { pricing } from '../processors/index.ts';
import { openTask } from './bench-task.ts';
import { kafka, percentile } from './parts.ts';
import type { Place } from './parts.ts';
import { RepriceRows } from './reprice-rows.ts';

type ShopPlace = Pick<Place, 'brokers' | 'prefix' | 'records'>;

/** Products in one commit of the fill. */
const AT_ONCE = 500;
const WARM_UP_MS = 2_000;
const GIVE_UP_MS = 180_000;
const nowMs = (): number => performance.timeOrigin + performance.now();
const nowUs = (): number => Math.floor(nowMs() * 1000);

/** `records` products of one vendor in one partition, and a task that prices them. */
async function openShop(place: ShopPlace) {
  const log = kafka(place);
  const registry = new MemoryRegistry();
  const rows = await RepriceRows.create(registry);
  return { log, registry, rows, fills: Math.ceil(place.records / AT_ONCE) };
}

const topics = ({ prefix }: ShopPlace) => ({
  catalog: { topic: `${prefix}cdc.catalog`, partition: 0 },
  reference: { topic: `${prefix}cdc.reference`, partition: 0 },
  prices: { topic: `${prefix}views.pricing`, partition: 0 },
});

function sourceOf(place: ShopPlace, log: LogClient): Promise<LogWriter> {
  const { catalog, reference } = topics(place);
  const barrier = () => ({ key: Buffer.from('_barrier'), value: null });
  return log.openWriter({ name: `${place.prefix}bench-shop`, partitions: [catalog, reference], barrier });
}

export async function fillShop(place: ShopPlace) {
  const { log, rows, fills } = await openShop(place);
  await log.admin.ensureTopics(topicSpecs(place.prefix, 1));
  const source = await sourceOf(place, log);
  const { catalog, reference } = topics(place);
  for (let commit = 0; commit < fills; commit++) {
    const tsUs = nowUs();
    const to = Math.min(place.records, (commit + 1) * AT_ONCE);
    const records = rows.added(commit, commit * AT_ONCE, to, tsUs);
    await source.append([
      { ...catalog, records: [...records, rows.watermark('catalog', commit, tsUs)] },
      { ...reference, records: [rows.watermark('reference', commit, tsUs)] },
    ]);
  }
  await log.close();
  return { products: place.records };
}

/** The task, until its process is ended; a line when it is at the end of the fill, with how long that took. */
export async function serveShop(place: ShopPlace): Promise<never> {
  const { log, registry, rows, fills } = await openShop(place);
  const runner = await openTask({ registry }, log, place.prefix, 0, 1, undefined, pricing);
  const began = performance.now();
  const last = rows.lsn(fills - 1);
  const watch = setInterval(() => {
    if (runner.task.position.frontier < last) return;
    clearInterval(watch);
    process.stdout.write(`${JSON.stringify({ firstMs: performance.now() - began })}\n`);
  }, 5);
  await runner.run(new AbortController().signal);
  throw new Error('the task ended');
}

/** What readers see of the prices, and when. */
class Prices {
  /** When the first entry of a commit was read. */
  readonly shown = new Map<bigint, number>();
  readonly #ruled = new Set<string>();
  readonly #all: number;
  /** When the last product had the rule's price; null: not yet. */
  ruledMs: number | null = null;

  constructor(products: number) {
    this.#all = products;
  }

  get ruled(): number {
    return this.#ruled.size;
  }

  see(entry: ViewEntry | null, seenMs: number): void {
    if (entry?.kind !== 'price') return;
    if (!this.shown.has(entry.lsn)) this.shown.set(entry.lsn, seenMs);
    const price = entry.data as PriceView | null;
    if (price?.ruleId == null || this.ruledMs !== null) return;
    this.#ruled.add(entry.id);
    if (this.#ruled.size === this.#all) this.ruledMs = seenMs;
  }

  async read(reader: LogReader, codec: ViewCodec, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      for (const batch of await reader.poll(100, stop)) {
        const seenMs = nowMs();
        for (const { key, value } of batch.records) if (!isOwnKey(key)) this.see(codec.decode(key, value), seenMs);
      }
    }
  }
}

interface Commit {
  readonly lsn: bigint;
  readonly sentMs: number;
  acknowledgedMs: number;
}

/** Commits of one row each: the list price of one product after another, or the rule. */
class Shop {
  readonly commits: Commit[] = [];
  readonly #rows: RepriceRows;
  readonly #source: LogWriter;
  readonly #place: ShopPlace;
  #next: number;

  constructor(rows: RepriceRows, source: LogWriter, place: ShopPlace, next: number) {
    this.#rows = rows;
    this.#source = source;
    this.#place = place;
    this.#next = next;
  }

  async commit(what: 'price' | 'rule'): Promise<void> {
    const rows = this.#rows;
    const tsUs = nowUs();
    const at = this.#next++;
    // Spread over the products without a pattern.
    const product = (Math.imul(at, 2_654_435_761) >>> 0) % this.#place.records;
    const live = what === 'price' ? [rows.priced(at, product, tsUs)] : [];
    const far = what === 'rule' ? [rows.rule(at, tsUs)] : [];
    const commit = { lsn: rows.lsn(at), sentMs: nowMs(), acknowledgedMs: 0 };
    const { catalog, reference } = topics(this.#place);
    await this.#source.append([
      { ...catalog, records: [...live, rows.watermark('catalog', at, tsUs)] },
      { ...reference, records: [...far, rows.watermark('reference', at, tsUs)] },
    ]);
    commit.acknowledgedMs = nowMs();
    if (what === 'price') this.commits.push(commit);
  }

  async pace(perSecond: number, until: () => boolean): Promise<void> {
    const beganMs = nowMs();
    for (let sent = 0; !until();) {
      const owed = Math.floor(((nowMs() - beganMs) / 1000) * perSecond);
      for (; sent < owed; sent++) await this.commit('price');
      await sleep(1);
    }
  }
}

const after = (ms: number): (() => boolean) => {
  const endMs = nowMs() + ms;
  return () => nowMs() >= endMs;
};

/**
 * `perSecond` commits a second, each the list price of one product; from the acknowledgement until its price is read, ms. After `seconds` comes a rule of
 * the vendor, and the same goes on until every product is priced by it.
 */
export async function reprice(place: ShopPlace, perSecond: number, seconds: number) {
  const { log, registry, rows, fills } = await openShop(place);
  const codec = await createViewCodec(registry, pricing.output);
  const { prices } = topics(place);
  const [at] = await log.admin.offsets(prices.topic);
  const reader = log.createReader();
  reader.assign([{ ...prices, offset: at?.end ?? 0n }]);
  const seen = new Prices(place.records);
  const stop = new AbortController();
  const reading = seen.read(reader, codec, stop.signal);
  const shop = new Shop(rows, await sourceOf(place, log), place, fills);
  await shop.pace(perSecond, after(WARM_UP_MS));
  const aloneMs = nowMs();
  await shop.pace(perSecond, after(seconds * 1000));
  const ruleMs = nowMs();
  await shop.commit('rule');
  const givenUp = after(GIVE_UP_MS);
  await shop.pace(perSecond, () => seen.ruledMs !== null || givenUp());
  const doneMs = nowMs();
  const missing = (): number => shop.commits.filter(({ lsn }) => !seen.shown.has(lsn)).length;
  while (missing() > 0 && !givenUp()) await sleep(20);
  stop.abort();
  await reading;
  await log.close();
  const took = (fromMs: number, toMs: number) => {
    const those = shop.commits.filter(({ sentMs }) => sentMs >= fromMs && sentMs < toMs);
    const ms = those.map(({ lsn, acknowledgedMs }) => Math.max(0, (seen.shown.get(lsn) ?? Infinity) - acknowledgedMs));
    return { commits: ms.length, p50: percentile(ms, 0.5), p99: percentile(ms, 0.99), max: percentile(ms, 1) };
  };
  return {
    missing: missing(),
    repriced: seen.ruled,
    repricedMs: (seen.ruledMs ?? Infinity) - ruleMs,
    alone: took(aloneMs, ruleMs),
    beside: took(ruleMs, doneMs),
  };
}
