import type { Auction, Bid, NexmarkEvent, Person } from '../generator.ts';
import type { NexmarkQuery } from '../queries.ts';

type NumberedBid = Omit<Bid, 'extra'> & { extra: string; n: number };

/** Events sorted by what they are: what the queries are asked of. */
interface Tables {
  readonly persons: readonly Person[];
  readonly auctions: readonly Auction[];
  readonly bids: readonly NumberedBid[];
}

type Answer = Map<string, unknown>;

/** The queries once more, straight over arrays, sharing nothing with the operators: what they must come to at the end. */
export function plainAnswer(query: NexmarkQuery, events: readonly NexmarkEvent[], first: number): Answer {
  const tables: Tables = {
    persons: events.filter((event) => event.kind === 'person'),
    auctions: events.filter((event) => event.kind === 'auction'),
    bids: events.flatMap((event, at) => (event.kind === 'bid' ? [{ ...event, n: first + at }] : [])),
  };
  return answers[query](tables);
}

const answers: Readonly<Record<NexmarkQuery, (tables: Tables) => Answer>> = {
  q1: ({ bids }) =>
    new Map(
      bids.map(({ n, auction, bidder, price, dateTime }) => [
        `${n}`,
        { auction, bidder, priceThousandths: price * 908, dateTime },
      ]),
    ),
  q2: ({ bids }) =>
    new Map(
      bids.filter(({ auction }) => auction % 123 === 0).map(({ n, auction, price }) => [`${n}`, { auction, price }]),
    ),
  q3: ({ persons, auctions }) => {
    const answer: Answer = new Map();
    for (const { id, category, seller } of auctions) {
      const person = persons.find((candidate) => candidate.id === seller);
      if (category !== 10 || person === undefined || !['OR', 'ID', 'CA'].includes(person.state)) continue;
      answer.set(`${id}`, { name: person.name, city: person.city, state: person.state, id });
    }
    return answer;
  },
  q4: ({ auctions, bids }) => {
    const finals = new Map<number, number[]>();
    for (const { category, winner } of winners(auctions, bids)) {
      if (winner === undefined) continue;
      finals.set(category, [...(finals.get(category) ?? []), winner.price]);
    }
    return new Map([...finals].map(([category, prices]) => [`${category}`, { average: mean(prices) }]));
  },
  q5: ({ bids }) => {
    const counts = new Map<number, Map<number, number>>();
    for (const { auction, dateTime } of bids) {
      for (let hop = 0; hop < 5; hop++) {
        const start = Math.floor(dateTime / 2000) * 2000 - hop * 2000;
        const window = counts.get(start) ?? new Map<number, number>();
        counts.set(start, window.set(auction, (window.get(auction) ?? 0) + 1));
      }
    }
    const answer: Answer = new Map();
    for (const [start, window] of counts) {
      const most = Math.max(...window.values());
      const hottest = [...window].filter(([, n]) => n === most).map(([auction]) => ({ auction, bids: most }));
      answer.set(
        `${start * 1000}`,
        hottest.sort((a, b) => (`${a.auction}@` < `${b.auction}@` ? -1 : 1)),
      );
    }
    return answer;
  },
  q7: ({ bids }) => {
    const answer: Answer = new Map();
    for (const [start, list] of grouped(bids, ({ dateTime }) => Math.floor(dateTime / 10_000) * 10_000)) {
      const most = Math.max(...list.map(({ price }) => price));
      const best = list.filter(({ price }) => price === most);
      answer.set(
        `all@${start * 1000}`,
        best.sort((a, b) => (`${a.n}` < `${b.n}` ? -1 : 1)),
      );
    }
    return answer;
  },
  q8: ({ persons, auctions }) => {
    const answer: Answer = new Map();
    for (const { id, name, dateTime } of persons) {
      const start = Math.floor(dateTime / 10_000) * 10_000;
      const sells = auctions.some(
        (auction) => auction.seller === id && Math.floor(auction.dateTime / 10_000) * 10_000 === start,
      );
      if (sells) answer.set(`${id}@${start * 1000}`, { id, name, startUs: start * 1000 });
    }
    return answer;
  },
  q9: ({ auctions, bids }) =>
    new Map(
      winners(auctions, bids).flatMap(({ id, winner }) => (winner === undefined ? [] : [[`${id}`, winner] as const])),
    ),
  q17: ({ bids }) => {
    const answer: Answer = new Map();
    for (const [key, list] of grouped(
      bids,
      ({ auction, dateTime }) => `${auction}/${Math.floor(dateTime / 86_400_000)}`,
    )) {
      const prices = list.map(({ price }) => price);
      answer.set(key, {
        total: prices.length,
        rank1: prices.filter((price) => price < 10_000).length,
        rank2: prices.filter((price) => price >= 10_000 && price < 1_000_000).length,
        rank3: prices.filter((price) => price >= 1_000_000).length,
        lowest: Math.min(...prices),
        highest: Math.max(...prices),
        average: mean(prices),
        sum: prices.reduce((sum, price) => sum + price, 0),
      });
    }
    return answer;
  },
  q18: ({ bids }) => new Map(bids.map((bid) => [`${bid.bidder}/${bid.auction}`, bid])),
};

function winners(auctions: readonly Auction[], bids: readonly NumberedBid[]) {
  const byAuction = grouped(bids, ({ auction }) => auction);
  return auctions.map(({ id, category, dateTime, expires }) => {
    let winner: NumberedBid | undefined;
    for (const bid of byAuction.get(id) ?? []) {
      if (bid.dateTime < dateTime || bid.dateTime > expires) continue;
      if (winner === undefined || bid.price > winner.price) winner = bid;
    }
    return { id, category, winner };
  });
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

function grouped<K, T>(values: readonly T[], keyOf: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return groups;
}
