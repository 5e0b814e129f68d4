import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf, searchDownload } from '../downloads/index.ts';
import type { Home } from '../paths/index.ts';
import { ensureLauncher, launcherClass } from './search-launcher.ts';
import { checkHttp, defaultRestartPolicy, type ProcessSpec } from '../processes/index.ts';

/** Its transport listens this far above the HTTP port. */
const transportOffset = 100;

function configuration(port: number): string {
  return [
    'discovery.type: single-node',
    'network.host: 127.0.0.1',
    `http.port: ${port}`,
    `transport.port: ${port + transportOffset}`,
    'cluster.routing.allocation.disk.threshold_enabled: false',
    'action.auto_create_index: false',
    '',
  ].join('\n');
}

/** OpenSearch, reached with the ordinary Elasticsearch client (`SEARCH_FLAVOR=opensearch`). */
export function searchSpec(home: Home, port: number): ProcessSpec {
  const base = join(home.data, 'search');
  const conf = join(base, 'conf');
  const launcher = join(base, 'launcher');
  const lib = join(folderOf(home.downloads, searchDownload), 'lib');
  const java = [
    '-Xms128m',
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Dopensearch.set.netty.runtime.available.processors=false',
  ];
  const runner = [
    '-basePath',
    base,
    '-confPath',
    conf,
    '-numOfNode',
    '1',
    '-baseHttpPort',
    String(port - 1),
    '-clusterName',
    'millrace',
    '-printOnFailure',
  ];
  return {
    name: 'search',
    title: 'The search server (OpenSearch)',
    kind: 'engine',
    version: searchDownload.version,
    port,
    ports: [
      { port, variable: 'ELASTICSEARCH_URL' },
      { port: port + transportOffset, variable: 'ELASTICSEARCH_URL' },
    ],
    command: 'java',
    args: [...java, '-cp', `${launcher}:${lib}/*`, launcherClass, ...runner],
    cwd: base,
    env: {},
    marker: conf,
    dependsOn: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 20_000,
    readyTimeoutMs: 90_000,
    restart: defaultRestartPolicy,
    prepare: async () => {
      await mkdir(conf, { recursive: true });
      await ensureLauncher(launcher, lib);
      await writeFile(join(conf, 'opensearch.yml'), configuration(port));
    },
    check: () => checkHttp(`http://127.0.0.1:${port}/_cluster/health?timeout=2s&wait_for_status=yellow`),
  };
}
