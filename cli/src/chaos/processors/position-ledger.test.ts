import { expect, test } from '@jest/globals';
import { PositionLedger } from './position-ledger.ts';

test('a key whose position goes back is noted, wherever others stand', () => {
  const ledger = new PositionLedger();
  ledger.take('log', 'views.orders/0', 'order:a', 5n);
  ledger.take('log', 'views.orders/1', 'order:a', 3n);
  ledger.take('log', 'views.orders/0', 'order:b', 4n);
  expect(ledger.findings).toEqual([]);
  ledger.take('log', 'views.orders/0', 'order:a', 4n);
  ledger.take('log', 'views.orders/0', 'order:a', 6n);
  expect({ wentBack: ledger.wentBack, repeated: ledger.repeated, seen: ledger.seen }).toEqual({
    wentBack: 1,
    repeated: 0,
    seen: 5,
  });
  expect(ledger.findings).toEqual([
    'views.orders/0 order:a went back from 00000000000000000005 to 00000000000000000004',
  ]);
});

test('a log that has a position twice repeats an output; a store is only looked at twice', () => {
  const ledger = new PositionLedger();
  for (const kind of ['log', 'store'] as const) {
    ledger.take(kind, kind, 'order:a', 5n);
    ledger.take(kind, kind, 'order:a', 5n);
  }
  expect({ wentBack: ledger.wentBack, repeated: ledger.repeated }).toEqual({ wentBack: 0, repeated: 1 });
});
