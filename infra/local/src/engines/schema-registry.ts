import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf, registryDownload } from '../downloads/index.ts';
import type { Home } from '../paths/index.ts';
import { checkHttp, defaultRestartPolicy, type ProcessSpec } from '../processes/index.ts';

/** Apicurio with file storage, Confluent's interface under `/apis/ccompat/v7`; its management listens one port above. */
export function schemaRegistrySpec(home: Home, port: number): ProcessSpec {
  const base = join(home.data, 'schema-registry');
  const properties: Readonly<Record<string, string | number>> = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': port,
    'quarkus.management.host': '127.0.0.1',
    'quarkus.management.port': port + 1,
    'apicurio.datasource.url': `jdbc:h2:file:${join(base, 'h2')}`,
    'apicurio.datasource.jdbc.initial-size': 2,
    'apicurio.datasource.jdbc.min-size': 2,
    'apicurio.rules.global.compatibility': 'BACKWARD',
    'quarkus.log.console.color': 'false',
    'quarkus.http.access-log.enabled': 'false',
  };
  const flags = Object.entries(properties).map(([name, value]) => `-D${name}=${value}`);
  const folder = folderOf(home.downloads, registryDownload);
  return {
    name: 'schema-registry',
    title: 'The schema registry (Apicurio)',
    kind: 'engine',
    version: registryDownload.version,
    port,
    ports: [
      { port, variable: 'SCHEMA_REGISTRY_URL' },
      { port: port + 1, variable: 'SCHEMA_REGISTRY_URL' },
    ],
    command: 'java',
    args: [
      '-Xmx384m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      ...flags,
      '-jar',
      join(folder, `apicurio-registry-app-${registryDownload.version}-runner.jar`),
    ],
    cwd: base,
    env: {},
    marker: join(base, 'h2'),
    dependsOn: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 15_000,
    readyTimeoutMs: 90_000,
    restart: defaultRestartPolicy,
    prepare: async () => {
      await mkdir(base, { recursive: true });
    },
    check: () => checkHttp(`http://127.0.0.1:${port}/apis/ccompat/v7/schemas/types`),
  };
}
