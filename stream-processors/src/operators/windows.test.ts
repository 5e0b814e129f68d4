import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { integer, microseconds, text } from '../fields/index.ts';
import { ProcessorDriver, deleteFrom, insertInto, read, update } from '../testing/index.ts';
import type { TestTable } from '../testing/index.ts';
import { count, definePipeline, highest, hopping, seconds, session, sum, tumbling } from './index.ts';
import type { InWindow, Late, Windowing } from './index.ts';

const tables: readonly TestTable[] = [
  { topic: 'cdc.play', table: 'clicks', key: ['click_id'], columns: { page: 'text', at: 'timestamp', weight: 'int' } },
];
interface Click {
  readonly page: string;
  readonly at: number;
  readonly weight: number;
}
type Result = InWindow<{ n: number; weight: number; most: number | null }>;
interface Views {
  readonly open: Result;
  readonly closed: Result;
  readonly late: Late<Click>;
}
const spec = {
  key: ['click_id'],
  value: (row: Parameters<typeof text>[0]): Click => ({
    page: text(row, 'page'),
    at: microseconds(row, 'at'),
    weight: integer(row, 'weight'),
  }),
};
const measures = {
  n: count<Click>(),
  weight: sum<Click>(({ weight }) => weight),
  most: highest<Click>(({ weight }) => weight),
};
const graceUs = seconds(5);

const ofFacts = (windowing: Windowing) =>
  definePipeline<Views>({ name: 'clicks', output: 'views.clicks', stateVersion: 1 }, (flow) => {
    const clicks = flow.events('cdc.play', 'clicks', spec);
    const windows = clicks.groupBy(({ page }) => page).measureIn(windowing, { at: ({ at }) => at, graceUs }, measures);
    windows.results.toView('open', (window) => window);
    windows.closed.toView('closed', (window) => window);
    windows.late.toView('late', (late) => late);
  });

const base = Date.parse('2026-01-01T00:00:00Z') * 1000;
const at = (s: number): number => base + seconds(s);

interface Step {
  readonly passS: number;
  readonly clicks: readonly (Click & { id: string })[];
}
const anyHistory = fc
  .array(
    fc.record({
      passS: fc.integer({ min: 0, max: 12 }),
      clicks: fc.array(
        fc.record({
          page: fc.constantFrom('a', 'b'),
          behindS: fc.integer({ min: -3, max: 40 }),
          weight: fc.integer({ min: 0, max: 9 }),
        }),
        { maxLength: 3 },
      ),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((steps) => {
    let now = 0;
    return steps.map(({ passS, clicks }, i): Step => {
      now += passS;
      return {
        passS,
        clicks: clicks.map(({ behindS, page, weight }, j) => ({
          page,
          weight,
          at: at(now - behindS),
          id: `c${i}-${j}`,
        })),
      };
    });
  });

const valueOf = ({ page, at, weight }: Click): Click => ({ page, at, weight });
const rowOf = ({ id, page, at, weight }: Click & { id: string }) => ({ click_id: id, page, at, weight });
const resultOf = (page: string, startUs: number, endUs: number, list: readonly Click[]): Result => ({
  group: page,
  startUs,
  endUs,
  result: {
    n: list.length,
    weight: list.reduce((sum, { weight }) => sum + weight, 0),
    most: Math.max(...list.map(({ weight }) => weight)),
  },
});

/** Windows as a plain list of clicks: what every closed window held, and who was late for how many. */
function plainFixed(history: readonly Step[], sizeUs: number, everyUs: number) {
  const windows = new Map<string, { page: string; startUs: number; list: Click[] }>();
  let late = 0;
  let nowUs = base;
  for (const { passS, clicks } of history) {
    nowUs += seconds(passS);
    for (const click of clicks.map(valueOf)) {
      for (let startUs = Math.floor(click.at / everyUs) * everyUs; startUs > click.at - sizeUs; startUs -= everyUs) {
        if (startUs + sizeUs + graceUs <= nowUs) {
          late++;
          continue;
        }
        const key = `${click.page}@${startUs}`;
        const window = windows.get(key) ?? { page: click.page, startUs, list: [] };
        window.list.push(click);
        windows.set(key, window);
      }
    }
  }
  return {
    late,
    closed: [...windows.values()].map(({ page, startUs, list }) => resultOf(page, startUs, startUs + sizeUs, list)),
  };
}

function plainSessions(history: readonly Step[], gapUs: number) {
  const open = new Map<string, Click[][]>();
  const closed: Result[] = [];
  let late = 0;
  let nowUs = base;
  const span = (list: readonly Click[]): [number, number] => {
    const times = list.map(({ at }) => at);
    return [Math.min(...times), Math.max(...times) + gapUs];
  };
  const close = (): void => {
    for (const [page, sessions] of open) {
      for (const list of sessions.filter((each) => span(each)[1] + graceUs <= nowUs)) {
        closed.push(resultOf(page, ...span(list), list));
        sessions.splice(sessions.indexOf(list), 1);
      }
    }
  };
  for (const { passS, clicks } of [...history, { passS: 1_000, clicks: [] }]) {
    nowUs += seconds(passS);
    close();
    for (const click of clicks.map(valueOf)) {
      const sessions = open.get(click.page) ?? [];
      const touches = (list: readonly Click[]): boolean => span(list)[0] < click.at + gapUs && click.at < span(list)[1];
      const merged = [...sessions.filter(touches).flat(), click];
      if (span(merged)[1] + graceUs <= nowUs) late++;
      else open.set(click.page, [...sessions.filter((list) => !touches(list)), merged]);
    }
  }
  return { late, closed };
}

const byWindow = (a: Result, b: Result): number =>
  a.group === b.group ? a.startUs - b.startUs : a.group < b.group ? -1 : 1;

async function played(windowing: Windowing, history: readonly Step[], restarts: boolean) {
  const driver = await ProcessorDriver.open<Views>(ofFacts(windowing), { tables });
  for (const [at, { passS, clicks }] of history.entries()) {
    await driver.pass(seconds(passS));
    await driver.commit(...clicks.map((click) => insertInto('clicks', rowOf(click))));
    // Read again: whatever was counted counts no more.
    if (at % 4 === 3) await driver.commit(...clicks.map((click) => read('clicks', rowOf(click))));
    if (restarts && at % 5 === 2) {
      driver.compact();
      await driver.restart();
    }
  }
  await driver.pass(seconds(1_000));
  expect(driver.parked()).toEqual([]);
  // What compaction took away cannot be compared.
  if (!restarts) expect(await driver.replay()).toEqual([]);
  return driver;
}

describe('windows', () => {
  test.each([
    ['tumbling', 10, 10],
    ['hopping', 12, 4],
  ])(
    '%s: a closed window holds exactly what came in time; what did not is told as late',
    async (_, size, every) => {
      await fc.assert(
        fc.asyncProperty(anyHistory, fc.boolean(), async (history, restarts) => {
          const driver = await played(hopping(seconds(size), seconds(every)), history, restarts);
          const { closed, late } = plainFixed(history, seconds(size), seconds(every));
          expect([...driver.view('closed').values()].sort(byWindow)).toEqual(closed.sort(byWindow));
          expect(driver.view('late').size).toBe(late);
          // What was shown while it was open ended as what was said when it closed.
          expect(driver.view('open')).toEqual(driver.view('closed'));
        }),
        { numRuns: 25 },
      );
    },
    60_000,
  );

  test('session: values less than the gap apart are in one, whatever came between them late', async () => {
    await fc.assert(
      fc.asyncProperty(anyHistory, fc.boolean(), async (history, restarts) => {
        const driver = await played(session(seconds(6)), history, restarts);
        const { closed, late } = plainSessions(history, seconds(6));
        expect([...driver.view('closed').values()].sort(byWindow)).toEqual(closed.sort(byWindow));
        expect(driver.view('late').size).toBe(late);
        expect(driver.view('open')).toEqual(driver.view('closed'));
      }),
      { numRuns: 25 },
    );
  }, 60_000);

  test('a row that changes moves from window to window; what a closed one counts wrongly from then on is said', async () => {
    const pipeline = definePipeline<Views>({ name: 'clicks', output: 'views.clicks', stateVersion: 1 }, (flow) => {
      const windows = flow
        .table('cdc.play', 'clicks', spec)
        .groupBy(({ page }) => page)
        .measureIn(tumbling(seconds(10)), { at: (click) => click.at, graceUs }, measures);
      windows.results.toView('open', (window) => window);
      windows.late.toView('late', (late) => late);
    });
    const driver = await ProcessorDriver.open<Views>(pipeline, { tables });
    const click = { id: 'c', page: 'a', at: at(1), weight: 3 };
    await driver.commit(insertInto('clicks', rowOf(click)), insertInto('clicks', rowOf({ ...click, id: 'd' })));
    await driver.commit(update('clicks', rowOf({ ...click, at: at(11), weight: 4 })));
    expect([...driver.view('open').values()]).toEqual([
      resultOf('a', at(0), at(10), [click]),
      resultOf('a', at(10), at(20), [{ ...click, weight: 4 }]),
    ]);
    await driver.pass(seconds(16));
    await driver.commit(deleteFrom('clicks', { click_id: 'd' }));
    const value = valueOf(click);
    expect([...driver.view('late')]).toEqual([
      [`d@${at(0)}-`, { value, retraction: true, startUs: at(0), endUs: at(10) }],
    ]);
    expect(driver.get('open', `a@${at(0)}`)?.result.n).toBe(1);
  });
});
