import { environment } from '@millrace/kernel/config';
import { openSnapshot, takeSnapshot } from './snapshot-parts.ts';
import { fillShop, reprice, serveShop } from './reprice.ts';
import { clear, fill, hop, load, runtimeAlone, serve, work } from './parts.ts';

/** For `millrace bench processing`: one part (`PART`) as a process of its own. Prints one JSON document. */
const { PART = '', KAFKA_BROKERS = '', PREFIX = '', PARTITIONS = '1', PARTITION = '0', RECORDS = '0' } = environment();
const { PER_SECOND = '10000', SECONDS = '10', STATE_DIR = '', MEMORY_SECONDS = '5' } = environment();
const place = {
  brokers: KAFKA_BROKERS.split(','),
  prefix: PREFIX,
  partitions: Number(PARTITIONS),
  partition: Number(PARTITION),
  records: Number(RECORDS),
};
const parts: Readonly<Record<string, () => Promise<unknown>>> = {
  runtime: () => runtimeAlone(place),
  spill: () => runtimeAlone(place, STATE_DIR),
  fill: () => fill(place),
  work: () => work(place),
  serve: () => serve(place, Number(MEMORY_SECONDS) * 1000),
  load: () => load(place, Number(PER_SECOND), Number(SECONDS)),
  hop: () => hop(place, Number(PER_SECOND), Number(SECONDS)),
  'fill-shop': () => fillShop(place),
  'serve-shop': () => serveShop(place),
  reprice: () => reprice(place, Number(PER_SECOND), Number(SECONDS)),
  clear: () => clear(place),
  'take-snapshot': () => takeSnapshot(place.records, STATE_DIR),
  'open-snapshot': () => openSnapshot(place.records, STATE_DIR),
};
const sum = await parts[PART]?.();
process.stdout.write(`${JSON.stringify(sum)}\n`);
process.exit(0);
