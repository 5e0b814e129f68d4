import { environment } from '@millrace/kernel/config';
import { nexmarkPipeline, nexmarkQueries } from '../nexmark/queries.ts';
import { runNexmark } from '../nexmark/run.ts';

/** `millrace bench nexmark` runs this, a process per query so that none inherits another's heap: QUERY and EVENTS in, one JSON line out. */
const { QUERY, EVENTS = '500000' } = environment();
const query = nexmarkQueries.find((name) => name === QUERY);
if (query === undefined) throw new RangeError(`QUERY is one of ${nexmarkQueries.join(', ')}`);
const WARM_UP_EVENTS = 20_000;
await runNexmark(nexmarkPipeline(query), { events: WARM_UP_EVENTS });
const { events, seconds, cpuSeconds, entries, stateKeys } = await runNexmark(nexmarkPipeline(query), {
  events: Number(EVENTS),
});
const run = { query, events, seconds, cpuSeconds, entries, stateKeys, rssBytes: process.memoryUsage().rss };
process.stdout.write(`${JSON.stringify(run)}\n`);
