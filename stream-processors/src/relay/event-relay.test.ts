import { describe, expect, test } from '@jest/globals';
import { createEventDecoder } from '@millrace/schemas/events';
import { createViewCodec } from '@millrace/schemas/views';
import { inventory } from '../processors/index.ts';
import { TestRoad, seeded } from '../testing/index.ts';
import type { TestRow } from '../testing/index.ts';
import { openStockRelays } from './index.ts';
import type { EventRelay } from './index.ts';

const t0 = Date.UTC(2026, 0, 1) * 1000;
const level = (id: string, quantity: number): TestRow => ({
  table: 'inventory',
  op: 'u',
  row: { product_id: id, variant_id: id, warehouse_id: 'w', quantity, reserved: 0, low_stock_threshold: 4 },
});
const product = (id: string): TestRow => ({
  table: 'products',
  op: 'c',
  row: {
    ...{ product_id: id, sku: id, name: id, status: 'active', base_price: '1.00', currency: 'EUR' },
    ...{ attributes: '{}', created_at: t0, updated_at: t0 },
  },
});

async function opened() {
  const road = await TestRoad.open();
  await road.start(inventory);
  const codec = await createViewCodec(road.registry, 'views.inventory');
  const clock = { nowMs: 0 };
  const open = async (): Promise<EventRelay> => {
    const [relay] = await openStockRelays({
      ...{ log: road.log, registry: road.registry, topicPrefix: '', partitions: [0], codec },
      now: () => clock.nowMs,
    });
    if (relay === undefined) throw new Error('one relay was asked for');
    return relay;
  };
  const decode = createEventDecoder(road.registry);
  const told = async (): Promise<string[]> => {
    const names: string[] = [];
    for (const { key, value } of road.log.records('events.inventory')) {
      if (key === null || value === null || key[0] === 0x5f) continue;
      const { schema, eventId } = await decode(value);
      names.push(`${schema} ${eventId}`);
    }
    return names;
  };
  const entries = (): string[] =>
    road
      .written('views.inventory')
      .flatMap(({ entry }) => (entry.kind === 'stockevent' ? [`${entry.id.split('/').at(-1)} ${entry.id}`] : []));
  return { road, clock, open, told, entries };
}

async function follow(relay: EventRelay): Promise<void> {
  while (await relay.step());
}

describe('events from a view', () => {
  test('each entry becomes one record, with its schema, key and position', async () => {
    const { road, open, told } = await opened();
    await road.source.commit(10n, t0, [product('p'), level('p', 10)]);
    await road.source.commit(20n, t0 + 1, [level('p', 0)]);
    await road.settle();
    const relay = await open();
    await follow(relay);
    const lsn = '00000000000000000020';
    expect(await told()).toEqual([`OutOfStock p/${lsn}/OutOfStock`, `StockMismatch p/${lsn}/StockMismatch`]);
    const [first] = road.log.records('events.inventory').filter(({ key }) => key?.toString() === 'p');
    expect(Object.fromEntries(first?.headers.map(([name, value]) => [name, Buffer.from(value)]) ?? [])).toMatchObject({
      'event-name': Buffer.from('OutOfStock'),
      'millrace.position': Buffer.from('000000000000001400000000', 'hex'),
    });
  });

  test('each once, whatever append is lost or loses its answer, and whoever takes over', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { road, open, told, entries } = await opened();
      const pick = seeded(seed);
      const ids = ['p0', 'p1', 'p2'];
      await road.source.commit(
        10n,
        t0,
        ids.flatMap((id) => [product(id), level(id, 10)]),
      );
      let relay = await open();
      for (let n = 1; n <= 25; n++) {
        await road.source.commit(10n + BigInt(n * 10), t0 + n, [level(ids[pick(3)] ?? 'p0', pick(3) * 4)]);
        await road.settle();
        const fault = pick(5);
        const isRelay = (writer: string): boolean => writer.startsWith('events.inventory');
        road.log.hooks = {
          beforeAppend: ({ writer }) => {
            if (fault === 0 && isRelay(writer)) throw new Error('lost');
          },
          afterAppend: ({ writer }) => {
            if (fault === 1 && isRelay(writer)) throw new Error('answer lost');
          },
        };
        const outcome = await follow(relay).catch(() => 'failed');
        road.log.hooks = {};
        if (fault === 2) road.log.compact('views.inventory');
        if (outcome === 'failed' || fault <= 3) relay = await open();
      }
      await follow(relay);
      expect([seed, await told()]).toEqual([seed, entries()]);
    }
  });

  test('an idle relay keeps its place known', async () => {
    const { road, clock, open } = await opened();
    const relay = await open();
    await road.source.commit(10n, t0, [product('p')]);
    await road.settle();
    await follow(relay);
    const written = road.log.records('events.inventory').length;
    clock.nowMs += 2 * 3600 * 1000;
    await road.source.watermark(20n, t0);
    await road.settle();
    await follow(relay);
    expect(road.log.records('events.inventory')).toHaveLength(written + 1);
  });
});
