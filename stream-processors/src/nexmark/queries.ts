import type { Row } from '@millrace/schemas/cdc';
import type { Collection, Flow, InWindow, Measure, Pipeline, Stream } from '../operators/index.ts';
import {
  average,
  count,
  days,
  definePipeline,
  first,
  highest,
  hopping,
  lowest,
  measure,
  seconds,
  sum,
  tumbling,
} from '../operators/index.ts';
import type { Auction, Bid, Person } from './generator.ts';

/** Rows of these tables come in `cdc.nexmark`; times are ms, prices cents. */
export const NEXMARK_TOPIC = 'cdc.nexmark';
export type BidRow = Omit<Bid, 'extra'> & { readonly n: number };

/** Every query's entries, under one kind. */
export interface NexmarkViews {
  readonly q: unknown;
}

type NexmarkFlow = Flow<NexmarkViews>;
const us = (ms: number): number => ms * 1000;
const isoDay = (ms: number): number => Math.floor(us(ms) / days(1));

const bidOf = (row: Row): BidRow => row as unknown as BidRow;
const bids = (flow: NexmarkFlow): Stream<BidRow, NexmarkViews> =>
  flow.events(NEXMARK_TOPIC, 'bid', { key: ['n'], value: bidOf, remembers: 'nothing' });
const keptBids = (flow: NexmarkFlow): Collection<BidRow, NexmarkViews> =>
  flow.table(NEXMARK_TOPIC, 'bid', { key: ['n'], value: bidOf });
const auctions = (flow: NexmarkFlow): Collection<Auction, NexmarkViews> =>
  flow.table(NEXMARK_TOPIC, 'auction', { key: ['id'], value: (row) => row as unknown as Auction });
const persons = (flow: NexmarkFlow): Collection<Person, NexmarkViews> =>
  flow.table(NEXMARK_TOPIC, 'person', { key: ['id'], value: (row) => row as unknown as Person });

/** A measure of its own: every value that is as high as the highest, in the order of `key`. Of values that only come. */
function allHighest<T>(of: (value: T) => number): Measure<T, readonly T[]> {
  type Held = readonly (readonly [key: string, value: T])[];
  const take = (held: Held, key: string, value: T): Held => {
    const best = held[0] === undefined ? -Infinity : of(held[0][1]);
    const own = of(value);
    if (own < best) return held;
    return own > best ? [[key, value]] : [...held, [key, value] as const].sort(([a], [b]) => (a < b ? -1 : 1));
  };
  return measure<T, Held, readonly T[]>(() => ({
    start: [],
    add: (held, value, key) => take(held, key, value),
    remove: () => {
      throw new RangeError('values of this measure only come');
    },
    merge: (one, other) => other.reduce((all, [key, value]) => take(all, key, value), one),
    result: (held) => held.map(([, value]) => value),
  }));
}

const bidInTime = (bid: BidRow, { dateTime, expires }: Auction): boolean =>
  bid.dateTime >= dateTime && bid.dateTime <= expires;

/** Bids within their auctions' time: the join that queries 4 and 9 begin with. */
function validBids(flow: NexmarkFlow) {
  return keptBids(flow)
    .joinOn(
      auctions(flow),
      ({ auction }) => String(auction),
      (bid, auction) => ({ bid, auction, valid: bidInTime(bid, auction) }),
    )
    .filter(({ valid }) => valid);
}

type Lay = (flow: NexmarkFlow) => void;

const q1: Lay = (flow) =>
  bids(flow)
    // Thousandths of a cent: 0.908 euros to the dollar, exactly.
    .map(({ auction, bidder, price, dateTime }) => ({ auction, bidder, priceThousandths: price * 908, dateTime }))
    .toView('q', (bid) => bid);

const q2: Lay = (flow) =>
  bids(flow)
    .map(({ auction, price }) => (auction % 123 === 0 ? { auction, price } : null))
    .toView('q', (bid) => bid);

const q3: Lay = (flow) =>
  auctions(flow)
    .filter(({ category }) => category === 10)
    .joinOn(
      persons(flow).filter(({ state }) => ['OR', 'ID', 'CA'].includes(state)),
      ({ seller }) => String(seller),
      ({ id }, { name, city, state }) => ({ name, city, state, id }),
    )
    .toView('q', (sold) => sold);

const q4: Lay = (flow) =>
  validBids(flow)
    .groupBy(({ auction }) => `${auction.category}/${auction.id}`)
    .measure({ final: highest(({ bid }) => bid.price) })
    .groupBy((_, key) => key.slice(0, key.indexOf('/')))
    .measure({ average: average(({ final }) => final ?? 0) })
    .toView('q', (category) => category);

const q5: Lay = (flow) =>
  bids(flow)
    .groupBy(({ auction }) => String(auction))
    .measureIn(hopping(seconds(10), seconds(2)), { at: ({ dateTime }) => us(dateTime) }, { bids: count() })
    .closed.groupBy(({ startUs }) => String(startUs))
    .measure({ hottest: allHighest<InWindow<{ bids: number }>>(({ result }) => result.bids) }, { forgetAfterUs: 1 })
    .toView('q', ({ hottest }) => hottest.map(({ group, result }) => ({ auction: Number(group), bids: result.bids })));

const q7: Lay = (flow) =>
  bids(flow)
    .groupBy(() => 'all')
    .measureIn(
      tumbling(seconds(10)),
      { at: ({ dateTime }) => us(dateTime) },
      { highest: allHighest<BidRow>(({ price }) => price) },
    )
    .closed.toView('q', ({ result }) => result.highest);

const q8: Lay = (flow) => {
  const window = tumbling(seconds(10));
  const people = persons(flow)
    .groupBy(({ id }) => String(id))
    .measureIn(
      window,
      { at: ({ dateTime }) => us(dateTime) },
      { person: first<Person>((a, b) => a.dateTime - b.dateTime) },
    );
  const sellers = auctions(flow)
    .groupBy(({ seller }) => String(seller))
    .measureIn(window, { at: ({ dateTime }) => us(dateTime) }, { auctions: count() });
  people.results
    .join(sellers.results, ({ startUs, result }) => ({ id: result.person?.id, name: result.person?.name, startUs }))
    .toView('q', (newSeller) => newSeller);
};

const q9: Lay = (flow) =>
  validBids(flow)
    .groupBy(({ auction }) => String(auction.id))
    .measure({
      winner: first<{ bid: BidRow; auction: Auction }>(
        (a, b) => b.bid.price - a.bid.price || a.bid.dateTime - b.bid.dateTime || a.bid.n - b.bid.n,
      ),
    })
    .toView('q', ({ winner }) => winner?.bid ?? null);

const q17: Lay = (flow) =>
  bids(flow)
    .groupBy(({ auction, dateTime }) => `${auction}/${isoDay(dateTime)}`)
    .measure({
      total: count<BidRow>(),
      rank1: count<BidRow>(({ price }) => price < 10_000),
      rank2: count<BidRow>(({ price }) => price >= 10_000 && price < 1_000_000),
      rank3: count<BidRow>(({ price }) => price >= 1_000_000),
      lowest: lowest<BidRow>(({ price }) => price),
      highest: highest<BidRow>(({ price }) => price),
      average: average<BidRow>(({ price }) => price),
      sum: sum<BidRow>(({ price }) => price),
    })
    .toView('q', (statistics) => statistics);

const q18: Lay = (flow) =>
  bids(flow)
    .groupBy(({ auction, bidder }) => `${bidder}/${auction}`)
    .measure({ last: first<BidRow>((a, b) => b.dateTime - a.dateTime || b.n - a.n) })
    .toView('q', ({ last }) => last);

const layouts = { q1, q2, q3, q4, q5, q7, q8, q9, q17, q18 } as const;
export type NexmarkQuery = keyof typeof layouts;
export const nexmarkQueries = Object.keys(layouts) as NexmarkQuery[];

/** The queries as the Flink suite states them. Windows are told when they close (q5, q7); everything else is told at each change. */
export function nexmarkPipeline(query: NexmarkQuery): Pipeline {
  return definePipeline<NexmarkViews>({ name: query, output: 'views.nexmark', stateVersion: 1 }, layouts[query]);
}
