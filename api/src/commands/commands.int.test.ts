import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { lsnFromPostgres } from '@millrace/kernel/position';
import { createEventEncoder } from '@millrace/schemas/events';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { eventTopicOf } from '@millrace/schemas/topics';
import { customerId, principalOf } from '../testing/principals.ts';
import { startTestApi } from '../testing/test-api.ts';
import type { TestApi } from '../testing/test-api.ts';

let api: TestApi;
let made = 0;

beforeAll(async () => {
  api = await startTestApi();
  await api.sql.query('insert into commerce.customers (customer_id, email) values ($1, $2)', [
    customerId,
    'a@example.com',
  ]);
}, 60_000);
afterAll(() => api.close());

async function newProduct(body: Record<string, unknown> = {}): Promise<string> {
  const sku = `SKU-${made++}`;
  const answer = await api.call('POST', '/api/commands/products', {
    body: { sku, name: `Product ${sku}`, basePrice: '10.00', ...body },
  });
  expect(answer).toMatchObject({ status: 201, body: { basePrice: expect.any(String) } });
  return String(answer.body['productId']);
}

async function stocked(quantity: number, body?: Record<string, unknown>): Promise<string> {
  const id = await newProduct(body);
  if (quantity > 0) await api.call('POST', `/api/commands/products/${id}/inventory`, { body: { delta: quantity } });
  return id;
}

async function onHand(productId: string): Promise<number> {
  const { rows } = await api.sql.query<{ n: number }>(
    'select coalesce(sum(quantity), 0)::int as n from commerce.inventory where product_id = $1',
    [productId],
  );
  return rows[0]?.n ?? 0;
}

async function events(id: string): Promise<string[]> {
  const { rows } = await api.sql.query<{ event_type: string }>(
    'select event_type from commerce.outbox_events where aggregate_id = $1 order by event_id',
    [id],
  );
  return rows.map((row) => row.event_type);
}

/** Until some transaction of this database waits for a lock. */
async function oneWaits(): Promise<void> {
  for (;;) {
    await api.sql.query('select pg_stat_clear_snapshot()');
    const { rows } = await api.sql.query(
      `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    );
    if (rows.length > 0) return;
  }
}

const order = (productId: string, quantity: number, more: Record<string, unknown> = {}) => ({
  body: { customerId, items: [{ productId, quantity }], ...more },
});

describe('products', () => {
  test('are created whole: row, tags, variants, images, event, and a position that has the commit', async () => {
    const before = await api.sql.query<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
    const answer = await api.call('POST', '/api/commands/products', {
      body: {
        sku: 'WHOLE-1',
        name: 'Whole',
        basePrice: '19.9',
        attributes: { size: 'L' },
        tags: [{ name: 'color', value: 'red' }],
        variants: [{ sku: 'WHOLE-1-S' }, { sku: 'WHOLE-1-L', name: 'Large' }],
        images: [{ url: 'https://example.com/1.png' }],
      },
    });
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({
      sku: 'WHOLE-1',
      basePrice: '19.90',
      currency: 'USD',
      version: 1,
      status: 'active',
    });
    expect(answer.headers['etag']).toBe('"1"');
    const id = String(answer.body['productId']);
    expect(answer.headers['location']).toBe(`/api/queries/products/${id}`);
    expect(api.positions.decode(answer.headers['millrace-position'] ?? '')).toBeGreaterThan(
      lsnFromPostgres(before.rows[0]?.lsn ?? ''),
    );
    const { rows } = await api.sql.query<Record<string, string>>(
      `select (select count(*) from commerce.product_variants where product_id = $1) as variants,
              (select count(*) from commerce.product_images where product_id = $1) as images,
              (select value from commerce.product_tags where product_id = $1) as tag`,
      [id],
    );
    expect(rows[0]).toEqual({ variants: '2', images: '1', tag: 'red' });
    expect(await events(id)).toEqual(['ProductCreated']);
  });

  test('with a SKU that is taken are a conflict, and nothing is left of them', async () => {
    await newProduct({ sku: 'TAKEN' });
    const answer = await api.call('POST', '/api/commands/products', {
      body: { sku: 'TAKEN', name: 'Other', basePrice: '1', tags: [{ name: 'never-made' }] },
    });
    expect(answer).toMatchObject({ status: 409, body: { type: '/problems/conflict' } });
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  test('change only in what is given, and only from the version that If-Match names', async () => {
    const id = await newProduct({ description: 'old', weight: 1.5 });
    const url = `/api/commands/products/${id}`;
    const first = await api.call('PUT', url, {
      body: { name: 'New', description: null },
      headers: { 'if-match': '"1"' },
    });
    expect(first).toMatchObject({ status: 200, body: { name: 'New', description: null, weight: '1.500', version: 2 } });
    expect(first.headers['etag']).toBe('"2"');
    const stale = await api.call('PUT', url, { body: { name: 'Late' }, headers: { 'if-match': '"1"' } });
    expect(stale).toMatchObject({ status: 412, body: { type: '/problems/precondition-failed', currentVersion: 2 } });
    expect(await api.call('PUT', url, { body: { basePrice: '11' } })).toMatchObject({
      status: 200,
      body: { version: 3 },
    });
    expect(await events(id)).toEqual(['ProductCreated', 'ProductUpdated', 'ProductUpdated']);
  });
});

describe('tags', () => {
  test('are added, changed, replaced and taken away', async () => {
    const url = `/api/commands/products/${await newProduct()}/tags`;
    const added = await api.call('POST', url, { body: { name: 'color', value: 'red' } });
    expect(added).toMatchObject({ status: 201, body: { tags: [{ name: 'color', value: 'red' }] } });
    const [tag] = added.body['tags'] as unknown as { tagId: string }[];
    const changed = await api.call('PUT', url, { body: { tagId: tag?.tagId, value: 'blue' } });
    expect(changed.body).toMatchObject({ tags: [{ name: 'color', value: 'blue' }] });
    const replaced = await api.call('PUT', url, { body: { tags: [{ name: 'size', value: 'L' }, { name: 'new' }] } });
    expect(replaced.body).toMatchObject({
      tags: [
        { name: 'new', value: null },
        { name: 'size', value: 'L' },
      ],
    });
    const [first] = replaced.body['tags'] as unknown as { tagId: string }[];
    expect((await api.call('DELETE', `${url}/${first?.tagId ?? ''}`)).body).toMatchObject({ tags: [{ name: 'size' }] });
    expect((await api.call('DELETE', `${url}/${first?.tagId ?? ''}`)).status).toBe(404);
  });

  test('of the same new name, made by many at once, are one tag', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => newProduct()));
    const answers = await Promise.all(
      ids.map((id) => api.call('POST', `/api/commands/products/${id}/tags`, { body: { name: 'everywhere' } })),
    );
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 201));
    const { rowCount } = await api.sql.query(`select from commerce.tags where name = 'everywhere'`);
    expect(rowCount).toBe(1);
  });
});

describe('inventory', () => {
  test('changes by a delta and answers the new level', async () => {
    const url = `/api/commands/products/${await newProduct()}/inventory`;
    expect((await api.call('POST', url, { body: { delta: 10 } })).body).toMatchObject({ quantity: 10, available: 10 });
    const answer = await api.call('PUT', url, { body: { delta: -4, reason: 'damaged' } });
    expect(answer).toMatchObject({ status: 200, body: { quantity: 6, reserved: 0, available: 6, delta: -4 } });
    const refused = await api.call('POST', url, { body: { delta: -7 } });
    expect(refused).toMatchObject({
      status: 409,
      body: { type: '/problems/insufficient-stock', items: [{ requested: 7, available: 6 }] },
    });
  });

  test('adds up under concurrent changes', async () => {
    const id = await newProduct();
    const deltas = Array.from({ length: 30 }, (_, n) => (n % 3 === 0 ? -1 : 2));
    await api.call('POST', `/api/commands/products/${id}/inventory`, { body: { delta: 100 } });
    await Promise.all(
      deltas.map((delta) => api.call('POST', `/api/commands/products/${id}/inventory`, { body: { delta } })),
    );
    expect(await onHand(id)).toBe(100 + deltas.reduce((sum, delta) => sum + delta, 0));
    const { rows } = await api.sql.query<{ n: string }>(
      'select sum(delta) as n from commerce.stock_movements where product_id = $1',
      [id],
    );
    expect(Number(rows[0]?.n)).toBe(await onHand(id));
  });
});

describe('orders', () => {
  test('take stock, record movements, lines, status and event in one commit', async () => {
    const id = await stocked(5);
    const answer = await api.call('POST', '/api/commands/orders', order(id, 2));
    expect(answer).toMatchObject({
      status: 201,
      body: {
        status: 'pending',
        subtotal: '20.00',
        totalAmount: '20.00',
        items: [{ quantity: 2, unitPrice: '10.00' }],
      },
    });
    const orderId = String(answer.body['orderId']);
    expect(await onHand(id)).toBe(3);
    expect(await events(orderId)).toEqual(['OrderCreated']);
    const { rows } = await api.sql.query<Record<string, unknown>>(
      `select (select array_agg(to_status) from commerce.order_status_history where order_id = $1) as statuses,
              (select sum(delta)::int from commerce.stock_movements where order_id = $1) as moved,
              (select count(distinct xmin::text)::int from (
                 select xmin from commerce.orders where order_id = $1 union all
                 select xmin from commerce.stock_movements where order_id = $1) t) as transactions`,
      [orderId],
    );
    expect(rows[0]).toEqual({ statuses: ['pending'], moved: -2, transactions: 1 });
  });

  test('use the scheduled price in force', async () => {
    const id = await stocked(5);
    const url = `/api/commands/products/${id}/prices`;
    expect((await api.call('POST', url, { body: { amount: '8.50', reason: 'sale' } })).status).toBe(201);
    await api.call('POST', url, { body: { amount: '1.00', validFrom: '2100-01-01T00:00:00Z' } });
    const answer = await api.call('POST', '/api/commands/orders', order(id, 2));
    expect(answer.body).toMatchObject({ subtotal: '17.00' });
  });

  test('of many buyers for the last items sell exactly what there was', async () => {
    const id = await stocked(7);
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => api.call('POST', '/api/commands/orders', order(id, 1))),
    );
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([count(201), count(409)]).toEqual([7, 33]);
    expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({
      type: '/problems/insufficient-stock',
      items: [{ productId: id, requested: 1, available: 0 }],
    });
    expect(await onHand(id)).toBe(0);
  }, 30_000);

  test('that want the same things in opposite order do not lock each other out', async () => {
    const [a, b] = [await stocked(100), await stocked(100)];
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, n) =>
        api.call('POST', '/api/commands/orders', {
          body: {
            customerId,
            items: (n % 2 === 0 ? [a, b] : [b, a]).map((productId) => ({ productId, quantity: 1 })),
          },
        }),
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect([await onHand(a), await onHand(b)]).toEqual([70, 70]);
  }, 30_000);

  test('are served whole or not at all', async () => {
    const [full, empty] = [await stocked(5), await stocked(0)];
    const answer = await api.call('POST', '/api/commands/orders', {
      body: { customerId, items: [full, empty].map((productId) => ({ productId, quantity: 1 })) },
    });
    expect(answer).toMatchObject({ status: 409, body: { items: [{ productId: empty, available: 0 }] } });
    expect(await onHand(full)).toBe(5);
  });

  test('give their stock back when cancelled, once', async () => {
    const id = await stocked(5);
    const placed = await api.call('POST', '/api/commands/orders', order(id, 3));
    const url = `/api/commands/orders/${String(placed.body['orderId'])}/cancel`;
    const answers = await Promise.all([api.call('POST', url), api.call('POST', url, { body: {} })]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    expect(await onHand(id)).toBe(5);
    expect(await events(String(placed.body['orderId']))).toEqual(['OrderCreated', 'OrderCancelled']);
  });

  test('move through their states, step by step', async () => {
    const placed = await api.call('POST', '/api/commands/orders', order(await stocked(5), 1));
    const url = `/api/commands/orders/${String(placed.body['orderId'])}`;
    const step = (status: string) => api.call('POST', `${url}/status`, { body: { status } });
    expect((await step('delivered')).status).toBe(409);
    expect((await step('confirmed')).body).toMatchObject({ status: 'confirmed', previousStatus: 'pending' });
    expect(await api.call('POST', `${url}/payments`, { body: { provider: 'demo' } })).toMatchObject({
      status: 201,
      body: { status: 'paid', amount: '10.00' },
    });
    expect((await api.call('POST', `${url}/shipments`, { body: { carrier: 'post' } })).body).toMatchObject({
      status: 'shipped',
    });
    expect((await step('delivered')).status).toBe(200);
    const { rows } = await api.sql.query<{ to_status: string }>(
      'select to_status from commerce.order_status_history where order_id = $1 order by at, history_id',
      [placed.body['orderId']],
    );
    expect(rows.map((row) => row.to_status)).toEqual([
      'pending',
      'confirmed',
      'paid',
      'fulfilling',
      'shipped',
      'delivered',
    ]);
  });

  test('of customers are their own', async () => {
    const id = await stocked(5);
    const other = '0198c1d2-0000-7000-8000-000000000c99';
    const own = await api.call('POST', '/api/commands/orders', {
      as: 'customer',
      body: { items: [{ productId: id, quantity: 1 }] },
    });
    expect(own).toMatchObject({ status: 201, body: { customerId } });
    expect(
      (await api.call('POST', '/api/commands/orders', { as: principalOf('customer', other), ...order(id, 1) })).status,
    ).toBe(403);
    const cancel = `/api/commands/orders/${String(own.body['orderId'])}/cancel`;
    expect((await api.call('POST', cancel, { as: principalOf('customer', other) })).status).toBe(403);
    expect((await api.call('POST', cancel, { as: 'customer' })).status).toBe(200);
  });
});

describe('idempotency keys', () => {
  const create = (key: string | null, name: string) =>
    api.call('POST', '/api/commands/products', { key, body: { sku: `IDEM-${key ?? ''}`, name, basePrice: '1' } });

  test('are required on every POST', async () => {
    expect(await create(null, 'x')).toMatchObject({ status: 400, body: { type: '/problems/idempotency-key-missing' } });
  });

  test('give the first answer again, and refuse another payload', async () => {
    const first = await create('k1', 'One');
    const again = await create('k1', 'One');
    expect(again.status).toBe(201);
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.headers['location']).toBe(first.headers['location']);
    expect(again.headers['millrace-position']).toBeDefined();
    expect(await create('k1', 'Two')).toMatchObject({ status: 422, body: { type: '/problems/idempotency-mismatch' } });
  });

  test('keep a refusal too, also after its reason is gone', async () => {
    const id = await stocked(0);
    const call = () => api.call('POST', '/api/commands/orders', { ...order(id, 1), key: 'short' });
    const refused = await call();
    expect(refused.status).toBe(409);
    await api.call('POST', `/api/commands/products/${id}/inventory`, { body: { delta: 5 } });
    const again = await call();
    expect(again.body).toEqual(refused.body);
    expect(again.headers['content-type']).toContain('application/problem+json');
    expect(await onHand(id)).toBe(5);
  });

  test('let one of many concurrent repeats run; the others are told so or get its answer', async () => {
    const id = await stocked(50);
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => api.call('POST', '/api/commands/orders', { ...order(id, 1), key: 'same' })),
    );
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
    for (const answer of answers.filter(({ status }) => status === 409)) {
      expect(answer.body).toMatchObject({ type: '/problems/idempotency-in-flight' });
    }
    expect(await onHand(id)).toBe(49);
  });

  test('are refused while another transaction holds them', async () => {
    const id = await stocked(5);
    await api.sql.query('begin');
    await api.sql.query('select from commerce.inventory where product_id = $1 for update', [id]);
    const held = api.call('POST', '/api/commands/orders', { ...order(id, 1), key: 'held' });
    await oneWaits();
    const second = await api.call('POST', '/api/commands/orders', { ...order(id, 2), key: 'held' });
    expect(second).toMatchObject({ status: 409, body: { type: '/problems/idempotency-in-flight' } });
    await api.sql.query('commit');
    expect((await held).status).toBe(201);
  });

  test('of different callers do not meet', async () => {
    const id = await stocked(5);
    const items = [{ productId: id, quantity: 1 }];
    const mine = await api.call('POST', '/api/commands/orders', { as: 'customer', key: 'shared', body: { items } });
    const theirs = await api.call('POST', '/api/commands/orders', { key: 'shared', body: { customerId, items } });
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(mine.body['orderId']).not.toBe(theirs.body['orderId']);
  });

  test('that expired are as good as new', async () => {
    const id = await stocked(5);
    const call = () => api.call('POST', '/api/commands/orders', { ...order(id, 1), key: 'old' });
    await call();
    await api.sql.query(`update commerce.idempotency_keys set expires_at = now() - interval '1 s' where key = 'old'`);
    expect((await call()).headers['idempotent-replayed']).toBeUndefined();
    expect(await onHand(id)).toBe(3);
  });
});

test('every event that the commands above have written fits the schema of its name', async () => {
  const encoder = await createEventEncoder(new MemoryRegistry(), '');
  const { rows } = await api.sql.query<Record<'event_type' | 'aggregate_type' | 'payload', string>>(
    'select event_type, aggregate_type, payload::text from commerce.outbox_events',
  );
  const generic = rows.filter(({ aggregate_type, event_type, payload }) => {
    const event = {
      eventId: '',
      aggregateType: aggregate_type,
      aggregateId: '',
      eventType: event_type,
      tenantId: null,
      occurredAt: 0n,
      payload,
    };
    return encoder.encode(eventTopicOf(aggregate_type), event).generic;
  });
  expect(generic).toEqual([]);
  expect(new Set(rows.map(({ event_type }) => event_type)).size).toBeGreaterThan(8);
});
