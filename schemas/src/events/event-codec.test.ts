import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { MemoryRegistry } from '../registry/index.ts';
import { createEventDecoder, createEventEncoder } from './index.ts';
import type { OutboxEvent } from './index.ts';
import { jsonMembers } from './json-members.ts';

const registry = new MemoryRegistry();
const event = (eventType: string, payload: string): OutboxEvent => ({
  eventId: '018f0000-0000-7000-8000-000000000001',
  aggregateType: 'product',
  aggregateId: '018f0000-0000-7000-8000-000000000002',
  eventType,
  tenantId: null,
  occurredAt: 1_700_000_000_000_001n,
  payload,
});

async function through(topic: 'events.product' | 'events.order' | 'events.other', given: OutboxEvent) {
  const { value, generic } = (await createEventEncoder(registry, 't.')).encode(topic, given);
  return { generic, ...(await createEventDecoder(registry)(value)) };
}

const untagged = { productId: 'p', tagId: 't' };

describe('an outbox event', () => {
  test('is written with the schema of its name', async () => {
    expect(await through('events.product', event('ProductUntagged', JSON.stringify(untagged)))).toEqual({
      generic: false,
      schema: 'ProductUntagged',
      eventId: '018f0000-0000-7000-8000-000000000001',
      aggregateId: '018f0000-0000-7000-8000-000000000002',
      tenantId: null,
      occurredAtUs: 1_700_000_000_000_001,
      payload: { ...untagged, more: {} },
    });
  });

  test('keeps members that its schema does not name, digit by digit', async () => {
    const payload = '{"tagId": "t", "extra": {"n": 12345678901234567890.10}, "productId": "p"}';
    const { payload: read } = await through('events.product', event('ProductUntagged', payload));
    expect(read).toEqual({ ...untagged, more: { extra: '{"n": 12345678901234567890.10}' } });
  });

  test('tells what an update emptied from what it left alone', async () => {
    const payload = '{"productId": "p", "version": 3, "description": null}';
    const { payload: read } = await through('events.product', event('ProductUpdated', payload));
    expect(read).toEqual({ productId: 'p', version: 3, changes: { description: 'null' } });
  });

  test.each([
    ['of an unknown name', 'SomethingElse', '{"a": 1.50}'],
    ['with a member of another type', 'ProductUntagged', '{"tagId": 7, "productId": "p"}'],
    ['without a member', 'ProductUntagged', '{"tagId": "t"}'],
    ['that is no object', 'ProductUntagged', '[1, 2]'],
    ['of another aggregate', 'OrderShipped', '{"orderId": "o"}'],
    [
      'with a list item that has more members',
      'ProductTagged',
      '{"productId": "p", "tags": [{"tagId": "t", "name": "n", "x": 1}]}',
    ],
  ])('%s is kept whole by the generic schema', async (_what, eventType, payload) => {
    expect(await through('events.product', event(eventType, payload))).toMatchObject({
      generic: true,
      schema: 'Event',
      payload,
    });
  });
});

test('the members of any JSON object are found with their texts', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 1), (object, indent) => {
      const members = jsonMembers(JSON.stringify(object, null, indent)) ?? new Map<string, string>();
      const parsed = Object.fromEntries([...members].map(([key, text]) => [key, JSON.parse(text) as unknown]));
      expect(parsed).toEqual(JSON.parse(JSON.stringify(object)));
    }),
  );
});
