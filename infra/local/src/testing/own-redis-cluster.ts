import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis, createRedisClient } from '@millrace/kernel/redis-client';
import type { RedisClient } from '@millrace/kernel/redis-client';
import { redisSpec } from '../engines/redis.ts';
import { homeOf } from '../paths/index.ts';
import { isPortFree, Problem } from '../processes/index.ts';
import { OwnEngine, ownPort } from './own-engine.ts';

export const REDIS_SLOTS = 16_384;

const LOOK_MS = 50;
const PATIENCE_MS = 60_000;
/** A node that is slow for a while is not taken for dead: a test that wants another in its place says so. */
const NODE_TIMEOUT_MS = 60_000;

interface Node {
  readonly port: number;
  readonly folder: string;
  readonly engine: OwnEngine;
  readonly client: RedisClient;
}

/** A Redis Cluster of a test's own: three masters, the slots shared among them in three ranges, and a replica of the first. */
export class OwnRedisCluster {
  readonly #nodes: Node[] = [];

  static async start(): Promise<OwnRedisCluster> {
    const cluster = new OwnRedisCluster();
    try {
      for (let count = 0; count < 4; count++) await cluster.#startNode();
      await cluster.#join();
      return cluster;
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  /** As `REDIS_URL`: the masters that it began with. */
  get url(): string {
    return this.#nodes
      .slice(0, 3)
      .map(({ port }) => `redis://127.0.0.1:${port}`)
      .join(',');
  }

  /** A connection to one node: 0 to 2 are the masters, 3 is the replica of 0. */
  node(index: number): RedisClient {
    return this.#of(index).client;
  }

  /** Takes the first master away, and puts its replica in its place; what the replica does not have by now is lost. */
  async failOver(): Promise<void> {
    await this.#of(0).engine.stop('SIGKILL');
    await this.node(3).call('cluster', 'failover', 'takeover');
    await this.#until('the replica serves the slots of the master that is gone', async () => {
      const seen = await Promise.all([1, 2, 3].map((index) => this.node(index).call('cluster', 'slots')));
      const { port } = this.#of(3);
      return seen.every((slots) => (slots as [number, number, [string, number]][]).some(([, , [, at]]) => at === port));
    });
  }

  /** The replica hears nothing of its master from now on. */
  async partReplica(): Promise<void> {
    // Its master asks for no password, and refuses one.
    await this.node(3).call('config', 'set', 'masterauth', 'refused');
    await this.node(3).call('client', 'kill', 'type', 'master');
    await this.#until('the replica has lost its master', async () =>
      (await this.node(3).info('replication')).includes('master_link_status:down'),
    );
  }

  /** The replica has all that its master has. */
  async replicaIsEqual(): Promise<void> {
    const offsetOf = async (index: number): Promise<string | undefined> =>
      /master_repl_offset:(\d+)/.exec(await this.node(index).info('replication'))?.[1];
    await this.#until('the replica has what its master has', async () => (await offsetOf(0)) === (await offsetOf(3)));
  }

  /** Moves a slot with its keys, as `redis-cli --cluster reshard` does. */
  async moveSlot(slot: number, from: number, to: number): Promise<void> {
    const [source, target] = [this.node(from), this.node(to)];
    const [sourceId, targetId] = await Promise.all([source, target].map((node) => node.call('cluster', 'myid')));
    await target.call('cluster', 'setslot', slot, 'importing', String(sourceId));
    await source.call('cluster', 'setslot', slot, 'migrating', String(targetId));
    for (;;) {
      const keys = (await source.call('cluster', 'getkeysinslot', slot, 100)) as string[];
      if (keys.length === 0) break;
      await source.call('migrate', '127.0.0.1', this.#of(to).port, '', 0, 10_000, 'replace', 'keys', ...keys);
    }
    for (const node of [target, source, this.node(3 - from - to)]) {
      await node.call('cluster', 'setslot', slot, 'node', String(targetId));
    }
  }

  /** Ends it and forgets its data. */
  async remove(): Promise<void> {
    for (const { engine, client, folder } of this.#nodes) {
      client.disconnect();
      await engine.stop('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    }
  }

  #of(index: number): Node {
    const node = this.#nodes[index];
    if (node === undefined) throw new Problem(`the cluster has no node ${index}`);
    return node;
  }

  async #startNode(): Promise<void> {
    const port = await freePort();
    const folder = await mkdtemp(join(tmpdir(), 'millrace-redis-'));
    const spec = redisSpec(homeOf(folder, '.millrace/downloads'), port);
    const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', String(NODE_TIMEOUT_MS)];
    const engine = new OwnEngine();
    const client = createRedisClient(`redis://127.0.0.1:${port}`, { commandTimeoutMs: 30_000 });
    this.#nodes.push({ port, folder, engine, client });
    await engine.run({ ...spec, args: [...spec.args, ...settings] });
    await connectRedis(client);
  }

  async #join(): Promise<void> {
    for (let index = 0; index < 4; index++) {
      const node = this.node(index);
      await node.call('cluster', 'set-config-epoch', index + 1);
      if (index < 3) await node.call('cluster', 'addslots', ...slotsOf(index));
      if (index > 0) await node.call('cluster', 'meet', '127.0.0.1', this.#of(0).port);
    }
    await this.#until('the nodes know each other', () => this.#everywhere(/cluster_known_nodes:4/));
    const master = String(await this.node(0).call('cluster', 'myid'));
    await this.node(3).call('cluster', 'replicate', master);
    await this.#until('the cluster serves', () => this.#everywhere(/cluster_state:ok/));
    await this.#until('the replica follows', async () =>
      (await this.node(3).info('replication')).includes('master_link_status:up'),
    );
  }

  async #everywhere(pattern: RegExp): Promise<boolean> {
    const told = await Promise.all([0, 1, 2, 3].map((index) => this.node(index).call('cluster', 'info')));
    return told.every((text) => pattern.test(String(text)));
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (const deadlineMs = performance.now() + PATIENCE_MS; !(await holds());) {
      if (performance.now() > deadlineMs) throw new Problem(`waited for ${PATIENCE_MS / 1000} s in vain: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
}

function slotsOf(master: number): number[] {
  const first = Math.ceil((REDIS_SLOTS * master) / 3);
  const next = Math.ceil((REDIS_SLOTS * (master + 1)) / 3);
  return Array.from({ length: next - first }, (_, at) => first + at);
}

/** With the one of the nodes' own talk, which is 10,000 above. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = await ownPort();
    if (await isPortFree(port + 10_000)) return port;
  }
}
