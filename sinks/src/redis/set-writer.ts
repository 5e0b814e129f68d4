import { randomUUID } from 'node:crypto';
import { PlatformError } from '@millrace/kernel/errors';
import { redisAnswers } from '@millrace/kernel/redis-client';
import type { RedisClient, RedisCommand } from '@millrace/kernel/redis-client';
import { redisFields, viewHolding } from '@millrace/schemas/stores';
import type { RedisNames, ViewName } from '@millrace/schemas/stores';
import type { RedisEntry } from './encoding.ts';
import { moveCommands, parseLeft, parseMembership, settledMove } from './membership.ts';
import type { Move } from './membership.ts';

/** What one written entry asks of the sets. */
export interface EntryMove extends Move {
  readonly of: RedisEntry;
}

const ROUNDS = 20;

/**
 * Puts members into sorted sets and takes them out, after the entries are written: the sets have keys, and in a cluster nodes, of their own.
 *
 * Guarantee: once `apply` resolves, each set agrees with what the entries then said, also where another sink writes the same generation at the
 * same time (one that is being replaced, or was asleep). Changes of sets carry no version, so a late one of that other sink could undo a newer
 * one. Each sink therefore leaves its name (`writer`) behind its changes. One that finds another name there cannot know whose changes came last:
 * it reads what the entries say now, does that, and leaves its name again, until the name it finds is its own. Whichever of two comes last
 * finds the other's name, so the last change is always made from what the entries say.
 *
 * After a crash between entry and sets the entry says what to do (`sets`, `left`): it comes again, since no mark has passed it.
 */
export class SetWriter {
  readonly #redis: RedisClient;
  readonly #names: RedisNames;
  readonly #self = randomUUID();

  constructor(redis: RedisClient, names: RedisNames) {
    this.#redis = redis;
    this.#names = names;
  }

  async apply(moves: readonly EntryMove[]): Promise<void> {
    if (moves.length === 0) return;
    const views = [...new Set(moves.map(({ of }) => viewHolding(of.entry.kind)))];
    let next: readonly Move[] = moves;
    for (let round = 0; round < ROUNDS; round++) {
      await redisAnswers(this.#redis, moveCommands(next));
      if (await this.#areOurs(views)) return;
      next = await this.#asStored(moves);
    }
    throw new PlatformError('store-unavailable', 'redis: another sink keeps changing the same sorted sets');
  }

  /** Whether no other sink has changed sets of these views since this one last did. */
  async #areOurs(views: readonly ViewName[]): Promise<boolean> {
    const before = await redisAnswers(
      this.#redis,
      views.map((view): RedisCommand => ['getset', this.#names.writer(view), this.#self]),
    );
    return before.every((name) => name === this.#self);
  }

  async #asStored(moves: readonly EntryMove[]): Promise<Move[]> {
    const { sets, left } = redisFields;
    const stored = await redisAnswers(
      this.#redis,
      moves.map(({ of }): RedisCommand => ['hmget', of.key, sets, left]),
    );
    return moves.map((move, index) => {
      const [now = null, gone = null] = stored[index] as (string | null)[];
      return settledMove(move, parseMembership(now), parseLeft(gone));
    });
  }
}
