/**
 * What was done under each session id in $1, cut where nothing came for 30 minutes: when each part began and ended, and what was done in it. In
 * the order of their beginning.
 */
export const sessionQuery = `
  with told as (
    select session_id, kind, occurred_at,
           coalesce(occurred_at - lag(occurred_at) over in_order >= interval '30 minutes', true) as begins
    from commerce.behaviour_events
    where session_id = any($1::uuid[])
    window in_order as (partition by session_id order by occurred_at)),
  numbered as (
    select *, count(*) filter (where begins) over (partition by session_id order by occurred_at rows unbounded preceding) as part from told),
  parts as (
    select session_id, part, min(occurred_at) as started_at, jsonb_build_array(
             to_char(min(occurred_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'),
             to_char(max(occurred_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.MS'),
             count(*) filter (where kind = 'view'), count(*) filter (where kind = 'search'), count(*) filter (where kind = 'add_to_cart'),
             count(*) filter (where kind = 'checkout'), count(*) filter (where kind = 'purchase')) as whole
    from numbered group by session_id, part)
  select session_id::text as id, jsonb_build_object('sessions', jsonb_agg(whole order by started_at)) as document
  from parts group by session_id`;

export const sessionIds = `
  select distinct session_id::text as id from commerce.behaviour_events
  where ($1::uuid is null or session_id > $1::uuid) order by id limit $2`;

/** Every id: rows of sessions that are over may be thrown away, so one without a row is no difference. */
export const knownSessions = `select id::text from unnest($1::uuid[]) as given (id)`;
