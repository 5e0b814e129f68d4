import { chown, copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { elasticsearchDownload, folderOf } from '../downloads/index.ts';
import type { Home } from '../paths/index.ts';
import { checkHttp, defaultRestartPolicy, Problem, type ProcessSpec } from '../processes/index.ts';
import { chooseUser, commandAs } from './os-user.ts';

/** Its transport listens this far above the HTTP port. */
const transportOffset = 100;

const configuration = (port: number, base: string): string => `discovery.type: single-node
path.data: ${base}/data
path.logs: ${base}/logs
http.host: 127.0.0.1
http.port: ${port}
transport.host: 127.0.0.1
transport.port: ${port + transportOffset}
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
action.auto_create_index: false
`;

/** Its temporary folder may hold neither its program nor its settings: it refuses to start then. */
const javaOptions = `-Xms128m
-Xmx512m
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:-AlwaysPreTouch
-Djava.io.tmpdir=\${ES_TMPDIR}
`;

const logging = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
`;

async function programOf(download: string): Promise<string> {
  const folder = (await readdir(download)).find((name) => name.startsWith('sonarqube-'));
  if (folder === undefined) throw new Problem(`${download} holds no Elasticsearch: delete the folder and start again.`);
  return join(download, folder);
}

/** Elasticsearch for tests: begins empty at every start. `javaHome` from `findElasticsearchJava`; its downloads must be there. */
export async function elasticsearchSpec(home: Home, port: number, javaHome: string): Promise<ProcessSpec> {
  const base = join(home.data, 'elasticsearch');
  const package_ = await programOf(folderOf(home.downloads, elasticsearchDownload));
  const program = join(package_, 'elasticsearch');
  const runAs = chooseUser([program, javaHome, home.folder]);
  const { command, args, user } = commandAs(runAs, '/usr/bin/env', ['bash', join(program, 'bin', 'elasticsearch')]);
  const folders = ['conf', 'data', 'logs', 'tmp'].map((name) => join(base, name));
  return {
    name: 'elasticsearch',
    title: 'Elasticsearch',
    kind: 'engine',
    version: elasticsearchDownload.version,
    port,
    ports: [port, port + transportOffset].map((one) => ({ port: one, variable: 'TEST_ELASTICSEARCH_PORT' })),
    command,
    args,
    cwd: base,
    env: { ES_JAVA_HOME: javaHome, ES_PATH_CONF: join(base, 'conf'), ES_TMPDIR: join(base, 'tmp') },
    ...(user === undefined ? {} : { user }),
    marker: program,
    dependsOn: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 20_000,
    readyTimeoutMs: 240_000,
    restart: defaultRestartPolicy,
    prepare: async () => {
      await rm(base, { recursive: true, force: true });
      for (const folder of folders) await mkdir(folder, { recursive: true });
      await writeFile(join(base, 'conf', 'elasticsearch.yml'), configuration(port, base));
      await writeFile(join(base, 'conf', 'log4j2.properties'), logging);
      if (user !== undefined) for (const folder of [base, ...folders]) await chown(folder, user.uid, user.gid);
      await copyFile(join(package_, 'bin', 'elasticsearch'), join(program, 'bin', 'elasticsearch'));
      // A native starter that finds no Java but its own; the script starts the same without it.
      await rm(join(program, 'lib/tools/server-launcher/server-launcher'), { force: true });
      await writeFile(join(base, 'conf', 'jvm.options'), javaOptions);
    },
    check: () => checkHttp(`http://127.0.0.1:${port}/_cluster/health?timeout=2s&wait_for_status=yellow`),
  };
}
