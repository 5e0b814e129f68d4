import { expect, test } from '@jest/globals';
import type pg from 'pg';
import { takingTurns } from './connect.ts';

test('statements of several users take turns, also after one that failed', async () => {
  const log: string[] = [];
  const query = async (text: string): Promise<string> => {
    log.push(`${text} begins`);
    await new Promise((resolve) => setImmediate(resolve));
    log.push(`${text} ends`);
    if (text === 'second') throw new Error('refused');
    return text;
  };
  const client = takingTurns({ query } as unknown as pg.Client) as unknown as { query: typeof query };
  const answers = await Promise.allSettled(['first', 'second', 'third'].map((text) => client.query(text)));
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const turns = ['first', 'second', 'third'].flatMap((text) => [`${text} begins`, `${text} ends`]);
  expect(log).toEqual(turns);
});
