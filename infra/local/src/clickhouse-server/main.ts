import { mkdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { drainPending } from 'chdb';
import { createClickHouseServer } from './server.ts';
import { SessionPool } from './sessions.ts';

/** Statements that run side by side; others wait their turn. */
const sessionCount = 6;

const { values } = parseArgs({ options: { port: { type: 'string' }, data: { type: 'string' } } });
if (values.port === undefined || values.data === undefined) {
  process.stderr.write('usage: clickhouse-server --port N --data FOLDER\n');
  process.exit(2);
}
mkdirSync(values.data, { recursive: true });
const pool = new SessionPool(values.data, sessionCount);
const server = createClickHouseServer(pool);
server.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
server.listen(Number(values.port), '127.0.0.1', () =>
  process.stdout.write(`listening on 127.0.0.1:${values.port ?? ''}\n`),
);

/** Answers in progress get this long before their connections are cut. */
const finishMs = 8_000;

/** Takes no new statement, lets running ones finish, closes the data folder. */
async function stop(): Promise<void> {
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), finishMs).unref();
  });
  await drainPending();
  pool.close();
  process.exit(0);
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop());
