import { expect, test } from '@jest/globals';
import { Turns } from './turns.ts';

test('between any two turns of busy tasks the event loop comes by', async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const loop = (): void => {
    seen.push('loop');
    if (seen.length < 20) setImmediate(loop);
  };
  setImmediate(loop);
  const busy = async (task: string): Promise<void> => {
    for (let turn = 0; turn < 2; turn++) {
      await turns.next();
      seen.push(task);
    }
  };
  await Promise.all(['a', 'b', 'c'].map(busy));
  const order = seen.filter((who) => who !== 'loop');
  expect(order).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
  for (const [at, who] of seen.entries()) if (who !== 'loop') expect(seen[at - 1]).toBe('loop');
});
