import { environment } from '@millrace/kernel/config';
import { lsnFromPostgres } from '@millrace/kernel/position';
import { MemoryRegistry } from '@millrace/schemas/registry';
import { cdcPartitions, partitionStates } from '../capture/partitions.ts';
import { Publisher } from '../capture/publisher.ts';
import { RouteCatalog } from '../capture/route-catalog.ts';
import { sourceTables } from '../capture/source-tables.ts';
import { StreamFeed } from '../capture/stream-feed.ts';
import { realScheduler } from '../capture/watermark-schedule.ts';
import { Acknowledger } from '../replication/acknowledger.ts';
import { connectSource, endQuietly } from '../replication/connect.ts';
import { silentLogger } from '@millrace/kernel/telemetry';
import { CapturedRelations } from '../schema-change/captured-relations.ts';
import { ParkedTables } from '../schema-change/parked-tables.ts';
import { TEXT_FORMAT, chooseWireFormat } from '../wire-format/index.ts';
import { ReplicationStream } from '../replication/replication-stream.ts';

/**
 * For `millrace bench capture`, as a process of its own: reads a slot to `END_LSN` through the capture's own decoder, encoder and publisher, which
 * appends to nothing; acknowledges nothing, so that the slot stays where it is. With `ONLY_READ` it looks at the messages' kinds alone: the limit
 * where there is no `pg_recvlogical`. Prints one JSON document.
 */
const {
  DATABASE_URL = '',
  SLOT_NAME = '',
  PUBLICATION_NAME = 'millrace',
  END_LSN = '',
  ONLY_READ,
  WIRE_FORMAT,
} = environment();
const endLsn = lsnFromPostgres(END_LSN);
const sql = await connectSource(DATABASE_URL);
const tables = await sourceTables(sql, PUBLICATION_NAME);
const routes = await RouteCatalog.open(new MemoryRegistry(), '', 4, tables);
const relations = tables.map(({ relation }) => relation);
const format = WIRE_FORMAT === 'text' ? TEXT_FORMAT : await chooseWireFormat(sql, relations);
const replication = await connectSource(DATABASE_URL, { replication: true });

let rows = 0;
let bytes = 0;
let finish: () => void = () => undefined;
let fail: (error: unknown) => void = () => undefined;
const reached = new Promise<void>((resolve, reject) => {
  finish = resolve;
  fail = reject;
});
const publisher = new Publisher({
  append: (batches) => Promise.resolve(batches.map((batch) => ({ ...batch, baseOffset: 0n }))),
  partitions: partitionStates(cdcPartitions('', 4), []),
  watermarkSchemaId: (topic) => routes.watermarkId(topic),
  acknowledger: new Acknowledger(0n),
  streamTimeUs: 0,
  scheduler: realScheduler,
  onFailure: fail,
  onPressure: () => undefined,
  onAcknowledged: (facts) => {
    rows += facts.rows;
    bytes += facts.bytes;
    if (publisher.watermark >= endLsn - 1n) finish();
  },
});
const feed = new StreamFeed({
  publisher,
  relations: new CapturedRelations(routes, new ParkedTables(new Map(), silentLogger())),
  wireTypes: format.types,
  streamed: null,
  epochBits: 0n,
  onBlocked: (_reason, blocked) => stream?.setPaused(blocked),
  onReplyRequested: () => stream?.reportNow(),
  onMessage: () => undefined,
  onCommit: () => undefined,
  onLogicalMessage: () => null,
  onLeftOut: () => undefined,
  onFailure: fail,
});
/** Counts inserts; the end is in the first commit past it (`C`, flags, commit LSN, end LSN). */
function onlyRead(message: Buffer): void {
  if (message[25] === 0x49) rows++;
  else if (message[25] === 0x43 && message.readBigUInt64BE(35) >= endLsn) finish();
}

const cpu = process.cpuUsage();
const beganMs = performance.now();
const stream = await ReplicationStream.start(replication, {
  slot: SLOT_NAME,
  publication: PUBLICATION_NAME,
  streaming: false,
  binary: format.types !== null,
  onMessage: ONLY_READ === undefined ? (message) => feed.take(message) : onlyRead,
  acknowledged: () => 0n,
});
stream?.ended.catch(fail);
await reached;
const seconds = (performance.now() - beganMs) / 1_000;
const { user, system } = process.cpuUsage(cpu);
const result = { rows, bytes, seconds, cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss() };
process.stdout.write(`${JSON.stringify(result)}\n`);
stream?.stop();
publisher.stop();
await Promise.all([endQuietly(sql), endQuietly(replication)]);
process.exit(0);
