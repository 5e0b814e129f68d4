import { describe, expect, test } from '@jest/globals';
import { DescribedRelations } from './described-relations.ts';

describe('what a relation id means', () => {
  test('is what was said last', () => {
    const relations = new DescribedRelations<string>();
    relations.set(1, 'old', relations.arrive());
    relations.set(1, 'new', relations.arrive());
    expect(relations.get(1)).toBe('new');
    expect(relations.get(2)).toBeUndefined();
  });

  test('inside a transaction that was sent in parts is what was said in it, and outside only once it is whole', () => {
    const relations = new DescribedRelations<string>();
    relations.set(1, 'outside', relations.arrive());
    const inside = relations.arrive();
    relations.enterTransaction();
    expect(relations.get(1)).toBeUndefined();
    relations.set(1, 'inside', inside);
    expect(relations.get(1)).toBe('inside');
    relations.leaveTransaction();
    expect(relations.get(1)).toBe('inside');
  });

  test('stays what was said outside since the transaction said it', () => {
    const relations = new DescribedRelations<string>();
    const inside = relations.arrive();
    relations.set(1, 'newer', relations.arrive());
    relations.enterTransaction();
    relations.set(1, 'inside', inside);
    relations.leaveTransaction();
    expect(relations.get(1)).toBe('newer');
  });
});
