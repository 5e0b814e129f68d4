import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { testEngines } from '@millrace/infra-local/testing';
import type { GroupMember } from '../group/index.ts';
import { silentLogger } from '../telemetry/index.ts';
import { createKafkaGroup } from './index.ts';

interface Running {
  readonly parts: string[];
  readonly leave: () => Promise<void>;
  /** Resolves when its part has been such a one. */
  until(part: string): Promise<void>;
}

/** Who assigns tells everyone how many there are. */
function join(group: string, name: string): Running {
  const parts: string[] = [];
  const waiting = new Set<() => void>();
  const stop = new AbortController();
  const options = { brokers: testEngines().kafkaBrokers, clientId: name, logger: silentLogger() };
  const ended = createKafkaGroup(options, {
    group,
    sessionTimeoutMs: 6_000,
    metadata: () => name,
    assign: (members: readonly GroupMember[]) => {
      const all = members.map(({ metadata }) => metadata).sort();
      return new Map(members.map(({ id, metadata }) => [id, `${metadata} of ${all.join()}`]));
    },
    assigned: (part) => {
      parts.push(part);
      for (const look of waiting) look();
    },
  }).run(stop.signal);
  return {
    parts,
    leave: async () => {
      stop.abort();
      await ended;
    },
    until: (part) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (parts.at(-1) !== part) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}

test('members learn of each other as they come and go; one that leaves is not waited for', async () => {
  const group = `group-${randomBytes(4).toString('hex')}`;
  const ann = join(group, 'ann');
  await ann.until('ann of ann');
  const bob = join(group, 'bob');
  await Promise.all([ann.until('ann of ann,bob'), bob.until('bob of ann,bob')]);
  const cid = join(group, 'cid');
  await Promise.all([ann, bob, cid].map((one, at) => one.until(`${['ann', 'bob', 'cid'][at] ?? ''} of ann,bob,cid`)));
  await ann.leave();
  const leftMs = performance.now();
  await Promise.all([bob.until('bob of bob,cid'), cid.until('cid of bob,cid')]);
  expect(performance.now() - leftMs).toBeLessThan(5_500);
  await bob.leave();
  await cid.leave();
}, 60_000);
