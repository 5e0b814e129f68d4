import type pg from 'pg';

/** So many session ids with two to six events each, of the last day, some of them with a pause in the middle; every tenth has one of three days ago. */
export async function fillBehaviour(sql: pg.Pool, count: number): Promise<void> {
  await sql.query(
    `with visit as (select uuidv7() as session_id, n, now() - n % 20 * interval '1 hour' as began from generate_series(1, $1::int) as n)
     insert into commerce.behaviour_events (session_id, kind, occurred_at)
     select session_id, (array['view', 'search', 'view', 'add_to_cart', 'checkout', 'purchase'])[i],
            case when i = 2 and n % 10 = 0 then began - interval '3 days' else began + i * (case when n % 4 = 0 then 31 else 4 end) * interval '1 minute' - interval '3 hours' end
     from visit cross join generate_series(1, 6) as i
     where i <= 2 + n % 5`,
    [count],
  );
}

/** The funnel of every day, as the tables say it: what is more than two days old when it is told belongs to no session. */
export async function funnelOf(sql: pg.Pool): Promise<Record<string, number[]>> {
  const { rows } = await sql.query<{ day: string; steps: number[] }>(
    `with told as (
       select *, coalesce(occurred_at - lag(occurred_at) over in_order >= interval '30 minutes', true) as begins
       from commerce.behaviour_events where occurred_at > created_at - interval '2 days'
       window in_order as (partition by session_id order by occurred_at)),
     numbered as (select *, sum(begins::int) over (partition by session_id order by occurred_at) as part from told),
     session as (
       select (min(occurred_at) at time zone 'UTC')::date::text as day,
              max(array_position(array['search', 'view', 'add_to_cart', 'checkout', 'purchase'], kind::text)) as furthest
       from numbered group by session_id, part)
     select day, array[count(*), count(*) filter (where furthest > 1), count(*) filter (where furthest > 2),
                       count(*) filter (where furthest > 3), count(*) filter (where furthest > 4)]::int[] as steps
     from session group by day`,
  );
  return Object.fromEntries(rows.map(({ day, steps }) => [day, steps]));
}
