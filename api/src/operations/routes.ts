import { asPlatformError } from '@millrace/kernel/errors';
import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { Registry } from '@millrace/kernel/telemetry';
import { viewsInStore } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import type { Database } from '../database/database.ts';
import type { SearchReader } from '../search/search-reader.ts';
import type { ViewStore } from '../views/view-store.ts';
import type { Marks } from '../views/watermark-waiter.ts';

export interface OperationsDependencies {
  readonly metrics: Registry;
  readonly database: Database;
  readonly views: ViewStore;
  readonly search: SearchReader;
  readonly demo: boolean;
}

interface Readiness {
  readonly ready: boolean;
  readonly reason?: string;
  readonly checks: Readonly<Record<string, string>>;
}

const CHECK_TIMEOUT_MS = 1_500;
/** The stores that queries are answered from. */
const storesOfViews: readonly (readonly ['redis' | 'search', readonly ViewName[]])[] = [
  ['redis', viewsInStore.redis],
  ['search', viewsInStore.elasticsearch],
];

/** Health for supervisors, metrics for Prometheus, `/api/ops/views` for people. */
export function addOperations(app: App, dependencies: OperationsDependencies): void {
  const { metrics, demo } = dependencies;
  const about = (summary: string) => described({ summary, tag: 'operations', access: 'public' }, {});

  app.get('/health', about('The process answers'), () => ({ status: 'up' }));
  app.get('/ready', about('Everything it needs answers'), async (_request, reply) => {
    const state = await readiness(dependencies);
    return reply.code(state.ready ? 200 : 503).send(state);
  });
  app.get('/actuator/health', about('Readiness in the form other supervisors read'), async (_, reply) => {
    const { ready, checks } = await readiness(dependencies);
    const components = Object.fromEntries(
      Object.entries(checks).map(([name, state]) => [name, { status: state === 'up' ? 'UP' : 'DOWN' }]),
    );
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'UP' : 'DOWN', components });
  });
  app.get('/metrics', about('Prometheus text'), async (_request, reply) =>
    reply
      .header('content-type', metrics.contentType)
      .serializer((text: unknown) => text as string)
      .send(await metrics.metrics()),
  );
  app.get(
    '/api/ops/views',
    described(
      {
        summary: 'How far each view is, by store and partition, and how far behind the database',
        tag: 'operations',
        access: demo ? 'public' : ['admin', 'support'],
      },
      {},
    ),
    () => lag(dependencies),
  );
}

async function readiness({ database, views, search }: OperationsDependencies): Promise<Readiness> {
  const checks = Object.fromEntries(
    await Promise.all([
      check('postgres', () => database.run('select')),
      check('redis', () => views.ping()),
      check('search', () => search.ping()),
    ]),
  );
  const away = Object.entries(checks).filter(([, state]) => state !== 'up');
  return away.length === 0
    ? { ready: true, checks }
    : { ready: false, reason: away.map(([name]) => `${name} does not answer`).join(', '), checks };
}

async function check(name: string, ask: () => Promise<void>): Promise<[string, string]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve('does not answer in time'), CHECK_TIMEOUT_MS);
  });
  const asked = ask().then(
    () => 'up',
    (error: unknown) => asPlatformError(error).message,
  );
  const state = await Promise.race([asked, late]);
  clearTimeout(timer);
  return [name, state];
}

async function lag({ database, views, search }: OperationsDependencies): Promise<unknown> {
  const now = Date.now();
  const source = await database.position();
  const found = await Promise.all(
    storesOfViews.flatMap(([store, names]) =>
      names.map(async (view) => {
        const marks = await marksOrReason(() => (store === 'redis' ? views.marks(view) : search.marks(view)));
        if (typeof marks === 'string') return { view, store, error: marks, partitions: [] };
        const partitions = [...marks]
          .sort(([a], [b]) => a - b)
          .map(([partition, mark]) => ({
            partition,
            position: lsnText(mark.lsn),
            committedAt: new Date(mark.committedAtMs).toISOString(),
            ageMs: Math.max(0, now - mark.committedAtMs),
            behindBytes: bytesBetween(mark.lsn, source),
          }));
        return { view, store, partitions };
      }),
    ),
  );
  return { at: new Date(now).toISOString(), source: { position: lsnText(source) }, views: found };
}

const EPOCH_SHIFT = 56n;

/** Null where they are of different histories of the source. */
function bytesBetween(mark: Lsn, source: Lsn): number | null {
  if (mark >> EPOCH_SHIFT !== source >> EPOCH_SHIFT) return null;
  return Number(source > mark ? source - mark : 0n);
}

async function marksOrReason(read: () => Promise<Marks>): Promise<Marks | string> {
  try {
    return await read();
  } catch (error) {
    return asPlatformError(error).message;
  }
}
