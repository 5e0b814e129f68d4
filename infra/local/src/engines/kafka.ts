import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf, kafkaDownload } from '../downloads/index.ts';
import type { Home } from '../paths/index.ts';
import { checkSocket, defaultRestartPolicy, type ProcessSpec } from '../processes/index.ts';
import { runToEnd } from './run.ts';

/** The broker's settings: one node that is broker and controller, on this machine only. */
export function serverProperties(port: number, controllerPort: number, logFolder: string): string {
  const settings: Readonly<Record<string, string | number>> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': logFolder,
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
    'group.initial.rebalance.delay.ms': 0,
    // Topics say themselves what they keep; compacted ones keep everything that is current.
    'log.retention.hours': 168,
    'log.segment.bytes': 268_435_456,
    'log.cleaner.dedupe.buffer.size': 67_108_864,
    'message.max.bytes': 16_777_216,
    'replica.fetch.max.bytes': 16_777_216,
    'socket.request.max.bytes': 134_217_728,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'num.partitions': 1,
    // A crash loses nothing acknowledged while the machine stays up; recovery after one reads few segments.
    'num.recovery.threads.per.data.dir': 2,
  };
  return `${Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')}\n`;
}

const log4j = `status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=[%d{ISO8601}] %p %m (%c{1})%n
rootLogger.level=\${sys:log.level:-info}
rootLogger.appenderRef.console.ref=console
`;

/** ApiVersions, version 0: every broker answers it as soon as it takes requests. */
export function apiVersionsRequest(): Buffer {
  const body = Buffer.alloc(10);
  body.writeInt16BE(18, 0);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(-1, 8);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length, 0);
  return Buffer.concat([size, body]);
}

/** Kafka 4.3.1 as one KRaft node; its controller listens one port above. */
export function kafkaSpec(home: Home, port: number): ProcessSpec {
  const base = join(home.data, 'kafka');
  const properties = join(base, 'server.properties');
  const logging = join(base, 'log4j2.properties');
  const classPath = `${join(folderOf(home.downloads, kafkaDownload), 'lib')}/*`;
  const controllerPort = port + 1;
  const logFolder = join(base, 'logs');
  // Made by the first orderly stop, used from then on: it shortens the start.
  const archive = join(base, 'kafka.jsa');
  const archiveFlag = existsSync(archive) ? `-XX:SharedArchiveFile=${archive}` : `-XX:ArchiveClassesAtExit=${archive}`;
  const java = [
    '-Xms256m',
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-Xlog:cds=off',
    '-Xlog:cds+dynamic=off',
    `-Dlog4j2.configurationFile=${logging}`,
    '-cp',
    classPath,
  ];
  return {
    name: 'kafka',
    title: 'Kafka',
    kind: 'engine',
    version: kafkaDownload.version,
    port,
    ports: [
      { port, variable: 'KAFKA_BROKERS' },
      { port: controllerPort, variable: 'KAFKA_BROKERS' },
    ],
    command: 'java',
    args: [archiveFlag, ...java, 'kafka.Kafka', properties],
    cwd: base,
    env: {},
    marker: properties,
    dependsOn: [],
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 30_000,
    readyTimeoutMs: 90_000,
    restart: defaultRestartPolicy,
    prepare: async () => {
      await mkdir(logFolder, { recursive: true });
      await writeFile(properties, serverProperties(port, controllerPort, logFolder));
      await writeFile(logging, log4j);
      if ((await stat(join(logFolder, 'meta.properties')).catch(() => undefined)) !== undefined) return;
      const clusterId = await stableClusterId(join(base, 'cluster-id'));
      const format = [
        'kafka.tools.StorageTool',
        'format',
        '--standalone',
        '--ignore-formatted',
        '-t',
        clusterId,
        '-c',
        properties,
      ];
      await runToEnd(
        'Formatting the log folder of Kafka',
        'java',
        ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dlog.level=error', ...java.slice(5), ...format],
        { cwd: base },
      );
    },
    check: () => checkSocket(port, apiVersionsRequest(), (answer) => answer.length >= 8 && answer.readInt32BE(4) === 1),
  };
}

async function stableClusterId(path: string): Promise<string> {
  const known = await readFile(path, 'utf8').catch(() => undefined);
  if (known !== undefined) return known.trim();
  const id = newClusterId(() => randomBytes(16));
  await writeFile(path, id);
  return id;
}

/** 16 random bytes as Kafka takes them. Never one that begins with `-`, which its tools would read as an option. */
export function newClusterId(draw: () => Buffer): string {
  for (;;) {
    const id = draw().toString('base64url');
    if (!id.startsWith('-')) return id;
  }
}
