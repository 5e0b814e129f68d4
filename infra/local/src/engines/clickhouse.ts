import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ownProgram, workspaceFolder, type Home } from '../paths/index.ts';
import { checkHttp, defaultRestartPolicy, type ProcessSpec } from '../processes/index.ts';

/** ClickHouse's engine (chDB) behind our own HTTP server, one process per data folder. */
export function clickhouseSpec(home: Home, port: number): ProcessSpec {
  const data = join(home.data, 'clickhouse');
  const program = ownProgram('clickhouse-server');
  return {
    name: 'clickhouse',
    title: 'ClickHouse (chDB)',
    kind: 'engine',
    version: '26.7',
    port,
    ports: [{ port, variable: 'CLICKHOUSE_URL' }],
    command: program.command,
    args: [...program.args, '--port', String(port), '--data', data],
    cwd: workspaceFolder,
    env: { UV_THREADPOOL_SIZE: '8' },
    marker: data,
    dependsOn: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 20_000,
    readyTimeoutMs: 60_000,
    restart: defaultRestartPolicy,
    prepare: async () => {
      await mkdir(data, { recursive: true });
    },
    check: () => checkHttp(`http://127.0.0.1:${port}/ping`),
  };
}
