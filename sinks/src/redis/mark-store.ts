import { PlatformError } from '@millrace/kernel/errors';
import { formatWatermark, parseWatermark } from '@millrace/schemas/stores';
import type { PartitionMark, RedisNames, ViewName } from '@millrace/schemas/stores';
import { partitionKey } from '../port/index.ts';
import type { SinkBatch } from '../port/index.ts';
import type { RedisScripts } from './schema.ts';

/**
 * The marks of one generation: a hash per view that readers go by, and in a cluster one more for each shard (a hash tag: names, `REDIS_SHARDS`).
 *
 * A node of a cluster that is replaced by its replica may lose the last writes that it acknowledged, while others keep theirs. What a server
 * copies to its replica keeps its order; so where a node has a shard's mark, it has all that was written to it before. Hence: a mark is
 * written to all shards after entries and sets, and only where the server still is the one that took these (its history is the same); to the
 * readers' hash after that; and what counts as applied is the lowest of all. So a loss is found by the next write, or at the next start, and
 * what was lost comes again.
 *
 * Limit: readers' hash and lost node may be two; until the sink has gone on, the hash then promises what that node has lost.
 */
export class MarkStore {
  readonly #redis: RedisScripts;
  readonly #names: RedisNames;
  readonly #views: readonly ViewName[];
  readonly #shards: readonly string[];
  /** Offsets known to be stored, by key and field, as the script compares them. */
  readonly #stored = new Map<string, string>();
  /** By key: of the server that holds it. */
  readonly #histories = new Map<string, string>();

  constructor(redis: RedisScripts, names: RedisNames, views: readonly ViewName[], shards: readonly string[]) {
    this.#redis = redis;
    this.#names = names;
    this.#views = views;
    this.#shards = shards;
  }

  /** What every hash has; a partition that one of them does not know was never applied. */
  async read(): Promise<PartitionMark[]> {
    this.#stored.clear();
    const hashes = [...(await this.#shardMarks()), ...(await this.#readersMarks())];
    const lowest = new Map<string, { mark: PartitionMark; hashes: number }>();
    for (const mark of hashes) {
      const known = lowest.get(partitionKey(mark));
      const low = known === undefined || mark.offset < known.mark.offset ? mark : known.mark;
      lowest.set(partitionKey(mark), { mark: low, hashes: (known?.hashes ?? 0) + 1 });
    }
    const everywhere = [...lowest.values()].filter(({ hashes: held }) => held === this.#shards.length + 1);
    return everywhere.map(({ mark }) => mark);
  }

  /**
   * After all entries of the batches, and the sets that hold them.
   * Throws `store-unavailable` where the store has lost what it had acknowledged: `read` says from where to go on.
   */
  async write(batches: readonly SinkBatch[]): Promise<void> {
    const [first] = batches;
    if (first === undefined) return;
    await Promise.all(
      this.#shards.map((shard) => this.#mark(this.#names.applied(first.view, shard), batches, partitionKey)),
    );
    const views = [...new Set(batches.map(({ view }) => view))];
    await Promise.all(
      views.map((view) => {
        const own = batches.filter((batch) => batch.view === view);
        return this.#mark(this.#names.watermark(view), own, ({ partition }) => String(partition));
      }),
    );
  }

  async #mark(key: string, batches: readonly SinkBatch[], fieldOf: (batch: SinkBatch) => string): Promise<void> {
    const args = batches.flatMap((batch) => {
      const field = fieldOf(batch);
      return [field, formatWatermark(batch.applied), this.#stored.get(`${key} ${field}`) ?? ''];
    });
    const history = await this.#redis.millraceMarks(key, this.#histories.get(key) ?? '', ...args);
    if (history === '') {
      throw new PlatformError(
        'store-unavailable',
        'redis lost writes that it had acknowledged: going on from what it holds',
      );
    }
    if (history !== '?') this.#histories.set(key, history);
    for (const batch of batches) this.#remember(key, fieldOf(batch), batch.applied.offset);
  }

  async #shardMarks(): Promise<PartitionMark[]> {
    const [view] = this.#views;
    if (view === undefined) return [];
    const keys = this.#shards.map((shard) => this.#names.applied(view, shard));
    const held = await Promise.all(keys.map((key) => this.#held(key)));
    return held.flat().flatMap(([field, text]) => {
      const [name, partition] = field.split('/');
      const own = this.#views.find((one) => one === name);
      return own === undefined ? [] : [markOf(own, partition, text)];
    });
  }

  async #readersMarks(): Promise<PartitionMark[]> {
    const held = await Promise.all(
      this.#views.map(async (view) => {
        const fields = await this.#held(this.#names.watermark(view));
        return fields.map(([partition, text]) => markOf(view, partition, text));
      }),
    );
    return held.flat();
  }

  /** Fields and texts of a hash, which are known to be stored from now on. */
  async #held(key: string): Promise<[string, string][]> {
    const [history = '', ...flat] = await this.#redis.millraceHeld(key);
    this.#histories.set(key, history);
    const fields: [string, string][] = [];
    for (let at = 0; at + 1 < flat.length; at += 2) fields.push([flat[at] ?? '', flat[at + 1] ?? '']);
    for (const [field, text] of fields) this.#remember(key, field, parseWatermark(text).offset);
    return fields;
  }

  #remember(key: string, field: string, offset: bigint): void {
    const text = offset.toString().padStart(20, '0');
    const name = `${key} ${field}`;
    const known = this.#stored.get(name);
    if (known === undefined || known < text) this.#stored.set(name, text);
  }
}

function markOf(view: ViewName, partition: string | undefined, text: string): PartitionMark {
  return { view, partition: Number(partition), ...parseWatermark(text) };
}
