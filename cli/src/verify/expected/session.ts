import { list, object, plain } from './json-text.ts';
import type { ExpectedKind } from './kind.ts';

const time = (value: string): string => plain(`to_char(${value} at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS')`);
const done = (kind: string): string => `count(*) filter (where kind = '${kind}')`;
const counts = ['view', 'search', 'add_to_cart', 'checkout', 'purchase'].map(done);
const document = object({ sessions: `concat('[', r.parts, ']')` });

/**
 * What was done under each session id, cut where nothing came for 30 minutes: when each part began and ended, and what was done in it. In the order of
 * their beginning.
 */
export const session: ExpectedKind = {
  table: 'behaviour_events',
  key: 'session_id',
  forgets: true,
  document,
  texts: { clickhouse: document },
  rows: ({ within }) => `
    with told as (
      select session_id, kind, occurred_at,
             coalesce(occurred_at - lag(occurred_at) over in_order >= interval '30 minutes', true) as begins
      from commerce.behaviour_events where ${within('session_id')}
      window in_order as (partition by session_id order by occurred_at)),
    numbered as (
      select *, count(*) filter (where begins) over (partition by session_id order by occurred_at rows unbounded preceding) as part from told),
    parts as (
      select session_id, min(occurred_at) as started_at, ${list(time('min(occurred_at)'), time('max(occurred_at)'), ...counts)} as whole
      from numbered group by session_id, part)
    select session_id as id, string_agg(whole, ',' order by started_at) as parts from parts group by session_id`,
};
