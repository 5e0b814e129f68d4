import { expect, test } from '@jest/globals';
import { Releasers } from './releasers.ts';

test('everything is released, the newest first, also after one that fails', async () => {
  const released: string[] = [];
  const releasers = new Releasers();
  releasers.push('first', () => void released.push('first'));
  releasers.push('broken', () => Promise.reject(new Error('no')));
  releasers.push('last', () => void released.push('last'));
  await expect(releasers.release()).rejects.toThrow('releasing broken failed');
  expect(released).toEqual(['last', 'first']);
});

test('with a limit, one that never ends holds up nothing and is named', async () => {
  const released: string[] = [];
  const releasers = new Releasers();
  releasers.push('first', () => void released.push('first'));
  releasers.push('stuck', () => new Promise(() => undefined));
  await expect(releasers.release(1)).rejects.toThrow('releasing stuck failed');
  expect(released).toEqual(['first']);
});
