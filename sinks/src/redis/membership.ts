import type { RedisCommand } from '@millrace/kernel/redis-client';

/** Between the parts of a text: a character that no text of Postgres holds. */
const SEPARATOR = '\0';
/** Digits of a position. */
const POSITION = 20;
/** Members in one command: what a server does at a stretch. */
const MEMBERS_AT_ONCE = 500;

/** The sorted sets that hold an entry. */
export interface Membership {
  readonly score: string;
  readonly member: string;
  readonly sets: readonly string[];
}

/** What the sets must be told of one member: in these, at this score, and not in those. */
export interface Move extends Membership {
  readonly leaves: readonly string[];
}

/** Score, member and sets, as an entry's hash keeps them. */
export function formatMembership({ score, member, sets }: Membership): string {
  return [score, member, ...sets].join(SEPARATOR);
}

/** Reads `formatMembership`'s form; null for none. */
export function parseMembership(text: string | null): Membership | null {
  if (text === null || text === '') return null;
  const [score = '', member = '', ...sets] = text.split(SEPARATOR);
  return { score, member, sets };
}

/** The sets that the scripts' answer names. */
export const parseSets = (text: string): string[] => (text === '' ? [] : text.split(SEPARATOR));

/** The sets of a hash's `left`, which begins with a position. */
export const parseLeft = (text: string | null): string[] => parseSets((text ?? '').slice(POSITION + 1));

/**
 * The member as its entry now says, whatever an older version of it has had done: out of every set that any of the two names, but in those of
 * the entry.
 */
export function settledMove(done: Move, now: Membership | null, left: readonly string[]): Move {
  const sets = now?.sets ?? [];
  const touched = new Set([...done.sets, ...done.leaves, ...left]);
  for (const set of sets) touched.delete(set);
  return { score: now?.score ?? done.score, member: done.member, sets, leaves: [...touched] };
}

/** One command for each set that gains members, and for each that loses some: each with one key. */
export function moveCommands(moves: readonly Move[]): RedisCommand[] {
  const added = new Map<string, string[]>();
  const removed = new Map<string, string[]>();
  for (const { score, member, sets, leaves } of moves) {
    for (const set of sets) listOf(added, set).push(score, member);
    for (const set of leaves) listOf(removed, set).push(member);
  }
  return [...commandsOf('zrem', removed, MEMBERS_AT_ONCE), ...commandsOf('zadd', added, 2 * MEMBERS_AT_ONCE)];
}

function listOf(lists: Map<string, string[]>, set: string): string[] {
  const known = lists.get(set);
  if (known !== undefined) return known;
  const list: string[] = [];
  lists.set(set, list);
  return list;
}

function commandsOf(name: string, lists: ReadonlyMap<string, readonly string[]>, most: number): RedisCommand[] {
  const commands: RedisCommand[] = [];
  for (const [set, list] of lists) {
    for (let from = 0; from < list.length; from += most) commands.push([name, set, ...list.slice(from, from + most)]);
  }
  return commands;
}
