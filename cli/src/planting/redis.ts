import { lsnFromText, lsnText } from '@millrace/kernel/position';
import { redisFields, redisNames } from '@millrace/schemas/stores';
import type { GenerationOf } from '@millrace/schemas/stores';
import type { CliConfig } from '../config/index.ts';
import type { StoreClients } from '../lag/index.ts';
import { comparableDocument } from '../verify/index.ts';
import type { StoreView } from '../verify/index.ts';
import { changedLeaves } from './leaves.ts';
import { strangeId } from './planter.ts';
import type { Planter, Way } from './planter.ts';

/** Leaves of documents of one kind: documents differ in which they have, so ways are by number. */
const LEAVES = 40;

export function redisPlanter({ redis }: StoreClients, config: CliConfig, generationOf: GenerationOf): Planter {
  const names = redisNames(config.redisKeyPrefix, generationOf);
  let strange = 0;
  return {
    ways(view: StoreView): Way[] {
      const { kind } = view;
      const key = (id: string): string => names.entry(kind, id) ?? '';
      const changeLeaf = async (id: string, at: number): Promise<string | null> => {
        const data: unknown = JSON.parse((await redis.hget(key(id), redisFields.data)) ?? 'null');
        const text = (of: unknown): string =>
          JSON.stringify(comparableDocument({ kind, id, lsn: 0n, tsUs: 0, data: of } as never));
        const compared = [...changedLeaves(data)].filter(({ value }) => text(value) !== text(data));
        const leaf = compared[at];
        if (leaf === undefined) return null;
        await redis.hset(key(id), redisFields.data, JSON.stringify(leaf.value));
        return id;
      };
      return [
        { name: 'missing', kind: 'missing', plant: async (id) => ((await redis.del(key(id))) === 1 ? id : null) },
        {
          name: 'extra',
          kind: 'extra',
          async plant(id) {
            const other = strangeId(++strange);
            const fields = await redis.hgetall(key(id));
            await redis.hset(key(other), fields);
            // It is in no list, and would be taken out of those of the one it was copied from.
            await redis.hdel(key(other), redisFields.sets);
            return other;
          },
        },
        {
          name: 'position',
          kind: 'different',
          async plant(id) {
            const position = (await redis.hget(key(id), redisFields.position)) ?? '';
            await redis.hset(key(id), redisFields.position, lsnText(lsnFromText(position) - 1n));
            return id;
          },
        },
        ...Array.from({ length: LEAVES }, (_, at): Way => ({
          name: `leaf ${at}`,
          kind: 'different',
          plant: (id) => changeLeaf(id, at),
        })),
      ];
    },
    done: () => Promise.resolve(),
  };
}
