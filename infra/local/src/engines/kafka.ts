import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderOf, kafkaDownload } from '../downloads/index.ts';
import type { Home } from '../paths/index.ts';
import { checkSocket, defaultRestartPolicy, type ProcessSpec } from '../processes/index.ts';
import { runToEnd } from './run.ts';

/** Where one broker of a cluster stands; its controller listens on the port above. */
export interface KafkaNode {
  readonly id: number;
  readonly port: number;
}

const controllerPortOf = ({ port }: KafkaNode): number => port + 1;

/**
 * A broker's settings, on this machine only: each node is broker and controller. Of several, every topic is on up to three, two of which must hold a
 * record before it counts, and leaders move within seconds: away from a node that is silent, and back to where they belong.
 */
export function serverProperties(node: KafkaNode, nodes: readonly KafkaNode[], logFolder: string): string {
  const copies = Math.min(3, nodes.length);
  const inSync = Math.min(2, copies);
  const controllerPort = controllerPortOf(node);
  const quorum =
    nodes.length === 1
      ? { 'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}` }
      : { 'controller.quorum.voters': nodes.map((one) => `${one.id}@127.0.0.1:${controllerPortOf(one)}`).join(',') };
  const moving = {
    'broker.heartbeat.interval.ms': 500,
    'broker.session.timeout.ms': 3_000,
    'leader.imbalance.check.interval.seconds': 5,
    'leader.imbalance.per.broker.percentage': 0,
  };
  const settings: Readonly<Record<string, string | number>> = {
    'process.roles': 'broker,controller',
    'node.id': node.id,
    ...quorum,
    ...(nodes.length === 1 ? {} : moving),
    listeners: `PLAINTEXT://127.0.0.1:${node.port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${node.port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': logFolder,
    'auto.create.topics.enable': 'false',
    'default.replication.factor': copies,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': copies,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': copies,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': copies,
    'share.coordinator.state.topic.min.isr': inSync,
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

/** Metadata, version 5, of no topic: who is there. */
export function metadataRequest(): Buffer {
  const body = Buffer.alloc(15);
  body.writeInt16BE(3, 0);
  body.writeInt16BE(5, 2);
  body.writeInt32BE(1, 4);
  body.writeInt16BE(-1, 8);
  const size = Buffer.alloc(4);
  size.writeInt32BE(body.length, 0);
  return Buffer.concat([size, body]);
}

/** Whether an answer to it names this node among those that live: before, no topic can be made on it. */
export function listsNode(answer: Buffer, { id }: KafkaNode): boolean {
  if (answer.length < 16 || answer.readInt32BE(4) !== 1) return false;
  let at = 16;
  for (let left = answer.readInt32BE(12); left > 0 && at + 6 <= answer.length; left--) {
    if (answer.readInt32BE(at) === id) return true;
    at += 6 + answer.readInt16BE(at + 4) + 4;
    at += 2 + Math.max(0, answer.readInt16BE(at));
  }
  return false;
}

/** Kafka 4.3.1 as one KRaft node; its controller listens one port above. */
export function kafkaSpec(home: Home, port: number): ProcessSpec {
  const node = { id: 1, port };
  return nodeSpec(home, 'kafka', node, [node], () => stableClusterId(join(home.data, 'kafka', 'cluster-id')));
}

/** As many nodes as ports, `kafka-1` and on; their controllers listen one port above each. */
export function kafkaClusterSpecs(home: Home, ports: readonly number[]): ProcessSpec[] {
  const nodes = ports.map((port, index) => ({ id: index + 1, port }));
  // One id for all, whichever is prepared first.
  let known: Promise<string> | undefined;
  const clusterId = (): Promise<string> => (known ??= stableClusterId(join(home.data, 'kafka-cluster-id')));
  return nodes.map((node) => nodeSpec(home, `kafka-${node.id}`, node, nodes, clusterId));
}

function nodeSpec(
  home: Home,
  name: string,
  node: KafkaNode,
  nodes: readonly KafkaNode[],
  clusterIdOf: () => Promise<string>,
): ProcessSpec {
  const { port } = node;
  const base = join(home.data, name);
  const properties = join(base, 'server.properties');
  const logging = join(base, 'log4j2.properties');
  const classPath = `${join(folderOf(home.downloads, kafkaDownload), 'lib')}/*`;
  const controllerPort = controllerPortOf(node);
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
    name,
    title: nodes.length === 1 ? 'Kafka' : `Kafka ${node.id}`,
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
      await writeFile(properties, serverProperties(node, nodes, logFolder));
      await writeFile(logging, log4j);
      if ((await stat(join(logFolder, 'meta.properties')).catch(() => undefined)) !== undefined) return;
      const clusterId = await clusterIdOf();
      const format = [
        'kafka.tools.StorageTool',
        'format',
        ...(nodes.length === 1 ? ['--standalone'] : []),
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
    check: () => checkSocket(port, metadataRequest(), (answer) => listsNode(answer, node)),
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
