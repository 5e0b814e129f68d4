import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ViewData } from '@millrace/schemas/views';
import { hours, minutes } from '../../operators/index.ts';
import { ProcessorDriver, TestRoad, deleteFrom, insertInto, read } from '../../testing/index.ts';
import { behaviour } from './index.ts';

interface Told {
  readonly session: string;
  readonly id: string;
  readonly kind: string;
  readonly atUs: number;
}
type Session = ViewData['session'];

const tenant_id = '00000000-0000-7000-8000-000000000001';
const rowOf = ({ session, id, kind, atUs }: Told) => ({
  ...{ session_id: session, event_id: id, kind, product_id: 'p', occurred_at: atUs, tenant_id },
});
const told = (event: Told) => insertInto('behaviour_events', rowOf(event));
const iso = (us: number): string => new Date(us / 1000).toISOString();

/** The session that these events make. */
function sessionOf(events: readonly Told[]): Session {
  const times = events.map(({ atUs }) => atUs);
  const n = (kind: string): number => events.filter((event) => event.kind === kind).length;
  return {
    ...{ tenantId: tenant_id, sessionId: events[0]?.session ?? '' },
    ...{ startedAt: iso(Math.min(...times)), lastAt: iso(Math.max(...times)) },
    ...{ views: n('view'), searches: n('search'), cartAdds: n('add_to_cart') },
    ...{ checkouts: n('checkout'), purchases: n('purchase') },
  };
}

test('a session is told as it grows, ends with a pause, and two become one by what comes between them', async () => {
  const driver = await ProcessorDriver.open(behaviour);
  const at = driver.nowUs;
  const event = (id: string, kind: string, minute: number): Told => ({
    ...{ session: 's', id, kind, atUs: at + minutes(minute) },
  });
  const [first, cart, later] = [event('a', 'view', 0), event('b', 'add_to_cart', 29), event('c', 'view', 75)];
  await driver.commit(told(first), told(cart));
  await driver.commit(told(later));
  expect([...driver.view('session').values()]).toEqual([sessionOf([first, cart]), sessionOf([later])]);
  const between = event('d', 'checkout', 52);
  await driver.commit(told(between));
  const whole = sessionOf([first, cart, between, later]);
  expect([...driver.view('session')]).toEqual([[`s@${at}`, whole]]);

  // Exactly the pause apart is apart.
  const next = event('e', 'view', 105);
  await driver.commit(told(next));
  expect([...driver.view('session').values()]).toEqual([whole, sessionOf([next])]);
  expect(await driver.replay()).toEqual([]);
});

test('what comes a day after its session is told apart; a row that is deleted or read again changes nothing', async () => {
  const driver = await ProcessorDriver.open(behaviour);
  const event: Told = { session: 's', id: 'a', kind: 'purchase', atUs: driver.nowUs };
  await driver.commit(told(event));
  await driver.pass(hours(24) + minutes(30));
  await driver.commit(read('behaviour_events', rowOf(event)));
  const late = { ...event, id: 'b' };
  await driver.commit(told(late), told({ ...late, id: 'c', atUs: driver.nowUs }));
  await driver.commit(deleteFrom('behaviour_events', { session_id: 's', event_id: 'a' }));
  const kept = [sessionOf([event]), sessionOf([{ ...event, atUs: driver.nowUs }])];
  expect([...driver.view('session').values()].map(({ purchases }) => purchases)).toEqual([1, 1]);
  expect(driver.view('session').get(`s@${event.atUs}`)).toEqual(kept[0]);
  expect([...driver.view('latebehaviour').values()]).toEqual([
    { tenantId: tenant_id, sessionId: 's', eventId: 'b', kind: 'purchase', productId: 'p', at: iso(event.atUs) },
  ]);
});

test('nothing stays in the state of a session that is over and whose rows are thrown away', async () => {
  const road = await TestRoad.open();
  const runner = await road.start(behaviour);
  const atUs = 1_700_000_000_000_000;
  const ids = { session_id: 's', event_id: 'a' };
  await road.source.commit(10n, atUs, [
    { table: 'behaviour_events', op: 'c', row: rowOf({ session: 's', id: 'a', kind: 'view', atUs }) },
  ]);
  await road.settle();
  expect(runner.task.stateSize).toBeGreaterThan(0);
  await road.source.commit(20n, atUs + hours(72), [{ table: 'behaviour_events', op: 'd', row: ids }]);
  await road.settle();
  expect(runner.task.stateSize).toBe(0);
  expect(road.latest('views.behaviour', 'session', `s@${atUs}`)).toMatchObject({ views: 1 });
});

test('every event is in the session that its times make, or late, whatever order it came in and was killed in between', async () => {
  const steps = fc.array(
    fc.record({
      passMinutes: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(0), fc.constant(25 * 60)),
      restart: fc.boolean(),
      events: fc.array(
        fc.record({
          session: fc.constantFrom('s', 't'),
          kind: fc.constantFrom('view', 'search', 'add_to_cart', 'checkout', 'purchase'),
          behindMinutes: fc.oneof(fc.integer({ min: -5, max: 90 }), fc.integer({ min: 0, max: 3000 })),
        }),
        { maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 15 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const driver = await ProcessorDriver.open(behaviour, { partitions: 2 });
      const open: Told[][] = [];
      const closed: Told[][] = [];
      const late: string[] = [];
      const endOf = (events: readonly Told[]): number => Math.max(...events.map(({ atUs }) => atUs)) + minutes(30);
      const isOver = (events: readonly Told[]): boolean => endOf(events) + hours(24) <= driver.nowUs;
      const take = (event: Told): void => {
        const touches = (events: readonly Told[]): boolean =>
          events[0]?.session === event.session &&
          Math.min(...events.map(({ atUs }) => atUs)) < event.atUs + minutes(30) &&
          event.atUs < endOf(events);
        const one = [...open.filter(touches).flat(), event];
        if (isOver(one)) late.push(event.id);
        else open.splice(0, open.length, ...open.filter((events) => !touches(events)), one);
      };
      for (const [step, { passMinutes, restart, events }] of history.entries()) {
        if (passMinutes > 0) await driver.pass(minutes(passMinutes));
        for (const over of open.filter(isOver)) closed.push(...open.splice(open.indexOf(over), 1));
        if (restart) await driver.restart();
        const coming = events.map(({ session, kind, behindMinutes }, i): Told => ({
          ...{ session, kind, id: `${step}-${i}`, atUs: driver.nowUs - minutes(behindMinutes) },
        }));
        if (coming.length === 0) continue;
        await driver.commit(...coming.map(told));
        coming.forEach(take);
      }
      const expected = [...open, ...closed].map((events) => [
        `${events[0]?.session}@${Math.min(...events.map(({ atUs }) => atUs))}`,
        sessionOf(events),
      ]);
      expect(Object.fromEntries(driver.view('session'))).toEqual(Object.fromEntries(expected));
      expect([...driver.view('latebehaviour').values()].map(({ eventId }) => eventId).sort()).toEqual(late.sort());
      expect(driver.parked()).toEqual([]);
      expect(await driver.replay()).toEqual([]);
    }),
    { numRuns: 60 },
  );
}, 60_000);
