import { JavaRandom } from './java-random.ts';

export interface Person {
  readonly kind: 'person';
  readonly id: number;
  readonly name: string;
  readonly email: string;
  readonly creditCard: string;
  readonly city: string;
  readonly state: string;
  /** ms since 1970, as in every event. */
  readonly dateTime: number;
  readonly extra: string;
}

export interface Auction {
  readonly kind: 'auction';
  readonly id: number;
  readonly itemName: string;
  readonly description: string;
  readonly initialBid: number;
  readonly reserve: number;
  readonly dateTime: number;
  readonly expires: number;
  readonly seller: number;
  readonly category: number;
  readonly extra: string;
}

export interface Bid {
  readonly kind: 'bid';
  readonly auction: number;
  readonly bidder: number;
  /** Cents. */
  readonly price: number;
  readonly dateTime: number;
  readonly extra: string;
}

export type NexmarkEvent = Person | Auction | Bid;

const PEOPLE = 1;
const AUCTIONS = 3;
const BIDS = 46;
const ALL = PEOPLE + AUCTIONS + BIDS;
const EVENTS_PER_SECOND = 10_000;
const FIRST_ID = 1000;
const FIRST_CATEGORY = 10;
const IN_FLIGHT_AUCTIONS = 100;
const ACTIVE_PEOPLE = 1000;
const LEAD = 10;
const HOT_AUCTIONS = 2;
const HOT_BIDDERS = 4;
const HOT_SELLERS = 4;
const HOT_BATCH = 100;
/** 2015-07-15T00:00:00Z, the base time of the suite's fixed runs. */
const BASE_MS = 1_436_918_400_000;

const states = ['AZ', 'CA', 'ID', 'OR', 'WA', 'WY'];
const cities = 'Phoenix,Los Angeles,San Francisco,Boise,Portland,Bend,Redmond,Seattle,Kent,Cheyenne'.split(',');
const firstNames = 'Peter,Paul,Luke,John,Saul,Vicky,Kate,Julie,Sarah,Deiter,Walter'.split(',');
const lastNames = 'Shultz,Abrams,Spencer,White,Bartels,Walton,Smith,Jones,Noris'.split(',');

/**
 * Event `n` (from 0) of the public Nexmark generator with its default configuration: a port of the algorithm of Apache Beam's and the Flink suite's
 * (Apache License 2.0), drawn from java.util.Random seeded with the event's number: 1 person, 3 auctions, 46 bids in 50 events, 10,000 events a
 * second of event time, in order. `lean` leaves out the filling texts, which no query looks at.
 */
export function nexmarkEvent(n: number, random: JavaRandom, lean = false): NexmarkEvent {
  random.seed(n);
  const dateTime = BASE_MS + Math.floor((n * 1_000_000) / EVENTS_PER_SECOND / 1000);
  const place = n % ALL;
  if (place < PEOPLE) return person(n, random, dateTime, lean);
  return place < PEOPLE + AUCTIONS ? auction(n, random, dateTime, lean) : bid(n, random, dateTime, lean);
}

function person(n: number, random: JavaRandom, dateTime: number, lean: boolean): Person {
  const id = lastPerson(n) + FIRST_ID;
  const name = `${pick(firstNames, random)} ${pick(lastNames, random)}`;
  const email = `${text(random, 7)}@${text(random, 5)}.com`;
  const creditCard = [0, 1, 2, 3].map(() => String(random.nextInt(10_000)).padStart(4, '0')).join(' ');
  const city = pick(cities, random);
  const state = pick(states, random);
  const size = 8 + name.length + email.length + creditCard.length + city.length + state.length;
  return { kind: 'person', id, name, email, creditCard, city, state, dateTime, extra: extra(random, size, 200, lean) };
}

function auction(n: number, random: JavaRandom, dateTime: number, lean: boolean): Auction {
  const id = lastAuction(n) + FIRST_ID;
  const hot = random.nextInt(HOT_SELLERS) > 0;
  const seller = (hot ? Math.floor(lastPerson(n) / HOT_BATCH) * HOT_BATCH : anyPerson(n, random)) + FIRST_ID;
  const category = FIRST_CATEGORY + random.nextInt(5);
  const initialBid = price(random);
  const eventsAhead = Math.floor((IN_FLIGHT_AUCTIONS * ALL) / AUCTIONS);
  const horizonMs = BASE_MS + Math.floor(((n + eventsAhead) * 1_000_000) / EVENTS_PER_SECOND / 1000) - dateTime;
  const expires = dateTime + 1 + random.nextInt(Math.max(horizonMs * 2, 1));
  const itemName = text(random, 20);
  const description = text(random, 100);
  const reserve = initialBid + price(random);
  const size = 8 + itemName.length + description.length + 40;
  return {
    kind: 'auction',
    ...{ id, itemName, description, initialBid, reserve, dateTime, expires, seller, category },
    extra: extra(random, size, 500, lean),
  };
}

function bid(n: number, random: JavaRandom, dateTime: number, lean: boolean): Bid {
  const hotAuction = random.nextInt(HOT_AUCTIONS) > 0;
  const auction = hotAuction ? Math.floor(lastAuction(n) / HOT_BATCH) * HOT_BATCH : anyAuction(n, random);
  const hotBidder = random.nextInt(HOT_BIDDERS) > 0;
  const bidder = hotBidder ? Math.floor(lastPerson(n) / HOT_BATCH) * HOT_BATCH + 1 : anyPerson(n, random);
  return {
    kind: 'bid',
    auction: auction + FIRST_ID,
    bidder: bidder + FIRST_ID,
    price: price(random),
    dateTime,
    extra: extra(random, 32, 100, lean),
  };
}

/** Newest person's number at event `n`, from 0. */
function lastPerson(n: number): number {
  return Math.floor(n / ALL) * PEOPLE + Math.min(n % ALL, PEOPLE - 1);
}

function lastAuction(n: number): number {
  const epoch = Math.floor(n / ALL);
  const place = n % ALL;
  if (place < PEOPLE) return (epoch - 1) * AUCTIONS + AUCTIONS - 1;
  return epoch * AUCTIONS + Math.min(place - PEOPLE, AUCTIONS - 1);
}

/** One of the active people, or one that is yet to come. */
function anyPerson(n: number, random: JavaRandom): number {
  const people = lastPerson(n) + 1;
  const active = Math.min(people, ACTIVE_PEOPLE);
  return people - active + random.nextInt(active + LEAD);
}

function anyAuction(n: number, random: JavaRandom): number {
  const newest = lastAuction(n);
  const oldest = Math.max(newest - IN_FLIGHT_AUCTIONS, 0);
  return oldest + random.nextInt(newest - oldest + 1 + LEAD);
}

function price(random: JavaRandom): number {
  return Math.round(10 ** (random.nextDouble() * 6) * 100);
}

function pick(list: readonly string[], random: JavaRandom): string {
  return list[random.nextInt(list.length)] ?? '';
}

function text(random: JavaRandom, most: number): string {
  let made = '';
  for (let left = 3 + random.nextInt(most - 3); left > 0; left--) {
    made += random.nextInt(13) === 0 ? ' ' : String.fromCharCode(97 + random.nextInt(26));
  }
  return made.trim();
}

/** Fills an event up to its average size. */
function extra(random: JavaRandom, size: number, average: number, lean: boolean): string {
  if (lean || size > average) return '';
  const missing = average - size;
  const spread = Math.round(missing * 0.2);
  let made = '';
  let bits = 0;
  let letters = 0;
  for (let left = missing - spread + (spread === 0 ? 0 : random.nextInt(2 * spread)); left > 0; left--) {
    if (letters === 0) {
      bits = random.nextInt32();
      letters = 6;
    }
    made += String.fromCharCode(97 + (bits % 26));
    bits = Math.trunc(bits / 26);
    letters--;
  }
  return made;
}
