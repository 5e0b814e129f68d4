import { describe, expect, test } from '@jest/globals';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { homeOf } from '../paths/index.ts';
import { addressesFrom, addressVariablesOf, endpointOf } from './addresses.ts';
import { chooseJava } from './elasticsearch-java.ts';
import { listsNode, metadataRequest, newClusterId, serverProperties } from './kafka.ts';
import { userIn } from './os-user.ts';
import { planEngines } from './plan.ts';
import { startupMessage } from './postgres.ts';
import { serverFileFor } from './redis.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

describe('addresses', () => {
  test('are the documented ports by default', () => {
    expect(addressesFrom({})).toEqual({
      databaseUrl: 'postgres://millrace:millrace@127.0.0.1:15432/millrace',
      kafkaBrokers: ['127.0.0.1:19092'],
      schemaRegistryUrl: 'http://127.0.0.1:18081',
      elasticsearchUrl: 'http://127.0.0.1:19200',
      searchFlavor: 'opensearch',
      redisUrl: 'redis://127.0.0.1:16379',
      clickhouseUrl: 'http://127.0.0.1:18123',
    });
  });

  test('survive the way through environment variables', () => {
    const given = addressesFrom({ KAFKA_BROKERS: 'a:1,b:2', SEARCH_FLAVOR: 'elasticsearch' });
    expect(addressesFrom(addressVariablesOf(given))).toEqual(given);
  });

  test('ports that an address leaves out are those of its protocol', () => {
    expect(endpointOf('redis', { REDIS_URL: 'redis://cache' })).toEqual({ host: 'cache', port: 6379, explicit: true });
    const cluster = endpointOf('redis', { REDIS_URL: 'redis://a:7000,redis://b:7001' });
    expect(cluster).toEqual({ host: 'a', port: 7000, explicit: true });
    expect(endpointOf('search', { ELASTICSEARCH_URL: 'https://search.example' }).port).toBe(443);
  });

  test('what is no address is refused by the variable, without its password', () => {
    expect(() => addressesFrom({ DATABASE_URL: 'postgres://u:secret@:x' })).toThrow(
      /^DATABASE_URL is not an address: "postgres:\/\/\*\*\*@:x"\.$/,
    );
    expect(() => addressesFrom({ SEARCH_FLAVOR: 'solr' })).toThrow(
      'SEARCH_FLAVOR must be opensearch or elasticsearch, not "solr".',
    );
  });
});

describe('the plan', () => {
  const home = homeOf(join(tmpdir(), 'millrace-plan'));
  const names = ['postgres', 'kafka', 'schema-registry', 'search', 'redis', 'clickhouse'];

  test('runs every engine itself when the environment names none', async () => {
    const plan = await planEngines(home, {}, false);
    expect(plan.specs.map(({ name, port }) => [name, port])).toEqual(
      names.map((name, i) => [name, [15432, 19092, 18081, 19200, 16379, 18123][i]]),
    );
    expect(plan.external).toEqual([]);
  });

  test('leaves an engine alone that the environment puts on another machine', async () => {
    const plan = await planEngines(home, { REDIS_URL: 'redis://cache.example:6380' }, false);
    expect(plan.specs.map(({ name }) => name)).toEqual(names.filter((name) => name !== 'redis'));
    expect(plan.external).toEqual([
      { name: 'redis', port: 6380, sentence: 'Using redis at cache.example:6380 (REDIS_URL); it is not started here.' },
    ]);
  });

  test('moves an engine to a free port of this machine', async () => {
    const port = await freePort();
    const plan = await planEngines(home, { CLICKHOUSE_URL: `http://127.0.0.1:${port}` }, false);
    expect(plan.specs.find(({ name }) => name === 'clickhouse')?.port).toBe(port);
  });

  test('says that containers are not available yet, and what else is not known', async () => {
    await expect(planEngines(home, { MILLRACE_ENGINES: 'containers' }, false)).rejects.toThrow('not available yet');
    await expect(planEngines(home, { MILLRACE_ENGINES: 'cloud' }, false)).rejects.toThrow(
      'MILLRACE_ENGINES must be local, not "cloud".',
    );
  });

  test('no two engines share a port', async () => {
    const ports = (await planEngines(home, {}, true)).specs.flatMap((spec) => spec.ports.map(({ port }) => port));
    expect(new Set(ports).size).toBe(ports.length);
  });
});

test('Kafka listens on this machine only and makes no topics by itself', () => {
  const text = serverProperties({ id: 1, port: 19092 }, [{ id: 1, port: 19092 }], '/data');
  expect(text).toContain('listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093\n');
  expect(text).toContain('auto.create.topics.enable=false\n');
  expect(text).not.toContain('0.0.0.0');
});

test('of several Kafka nodes, every topic is on three and leaders move within seconds', () => {
  const nodes = [1, 2, 3].map((id) => ({ id, port: 20_000 + 2 * id }));
  const text = serverProperties({ id: 2, port: 20_004 }, nodes, '/data');
  expect(text).toContain('node.id=2\n');
  expect(text).toContain('controller.quorum.voters=1@127.0.0.1:20003,2@127.0.0.1:20005,3@127.0.0.1:20007\n');
  expect(text).toContain('default.replication.factor=3\nmin.insync.replicas=2\n');
  expect(text).toContain('broker.session.timeout.ms=3000\n');
});

test('a Kafka node is ready once the cluster counts it among the living', () => {
  const broker = (id: number): Buffer => {
    const host = Buffer.from('127.0.0.1');
    const bytes = Buffer.alloc(6 + host.length + 4 + 2);
    bytes.writeInt32BE(id, 0);
    bytes.writeInt16BE(host.length, 4);
    host.copy(bytes, 6);
    bytes.writeInt16BE(-1, bytes.length - 2);
    return bytes;
  };
  const head = Buffer.alloc(16);
  head.writeInt32BE(1, 4);
  head.writeInt32BE(2, 12);
  const answer = Buffer.concat([head, broker(1), broker(3)]);
  expect([1, 2, 3].map((id) => listsNode(answer, { id, port: 1 }))).toEqual([true, false, true]);
  expect(listsNode(answer.subarray(0, 20), { id: 3, port: 1 })).toBe(false);
});

test('the id of a Kafka cluster is never read as an option', () => {
  const draws = [Buffer.alloc(16, 0xf8), Buffer.alloc(16, 1)];
  expect(newClusterId(() => draws.shift() ?? Buffer.alloc(0))).toBe('AQEBAQEBAQEBAQEBAQEBAQ');
});

test('health requests are well-formed', () => {
  expect(metadataRequest().toString('hex')).toBe(
    '0000000f' + '0003' + '0005' + '00000001' + 'ffff' + '00000000' + '00',
  );
  const message = startupMessage('u', 'd');
  expect(message.readInt32BE(0)).toBe(message.length);
  expect(message.readInt32BE(4)).toBe(3 << 16);
  expect(message.subarray(8).toString()).toBe('user\0u\0database\0d\0\0');
});

test('the Redis for this platform is chosen by name', () => {
  const files = [
    'redis-server-6.2.6-v5-darwin-arm64',
    'redis-server-6.2.6-v5-linux-amd64',
    'redis-server-6.2.7-linux-386',
    'redis-server-6.2.7-linux-arm64',
  ];
  expect(serverFileFor('linux', 'x64', files)).toBe('redis-server-6.2.6-v5-linux-amd64');
  expect(serverFileFor('linux', 'arm64', files)).toBe('redis-server-6.2.7-linux-arm64');
  expect(serverFileFor('win32', 'x64', files)).toBeUndefined();
});

test('a user is found in a passwd file', () => {
  const passwd = 'root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n';
  expect(userIn(passwd, 'postgres')).toEqual({ name: 'postgres', uid: 101, gid: 104 });
  expect(userIn(passwd, 'nobody')).toBeUndefined();
});

describe('a Java for Elasticsearch', () => {
  const java = (home: string, major: number) => ({ home, major });

  test('is the first that is named and recent enough, else the newest of the system', () => {
    expect(chooseJava([java('/path', 21)], [java('/system', 25)]).home).toBe('/path');
    expect(chooseJava([java('/path', 17)], [java('/a', 21), java('/b', 25), java('/c', 11)]).home).toBe('/b');
  });

  test('that is not there is asked for, with what was found', () => {
    expect(() => chooseJava([java('/path', 17)], [java('/path', 17), java('/old', 11)])).toThrow(
      /^Java 21 or later is needed and the Java found is 17, 11: install one, .*ES_JAVA_HOME/,
    );
    expect(() => chooseJava([], [])).toThrow('no Java was found');
  });
});
