import { z } from '@millrace/kernel/config';
import { controlBody } from '@millrace/kernel/lifecycle';
import { PlatformError } from '@millrace/kernel/errors';
import { isConnectionLost } from '../replication/connect.ts';
import type { CaptureControl } from './port.ts';

type Body = Readonly<Record<string, unknown>>;

const id = z.string().min(1).max(1_000);
/** Named in one request; more of them are a range or a topic. */
const MOST_AGGREGATES = 1_000;
const MOST_TABLES = 1_000;
const nothing = z.strictObject({});
const resume = z.strictObject({ table: id.optional() });
const snapshotId = z.string().regex(/^\d{1,18}$/, 'the number of a re-snapshot');
const snapshot = z.strictObject({ id: snapshotId });
/** One that asks for longer would be forgotten, and the re-snapshot with it. */
const LONGEST_HOLD_MS = 60_000;
const hold = z.strictObject({ id: snapshotId, forMs: z.number().int().min(0).max(LONGEST_HOLD_MS) });
const resnapshot = z
  .strictObject({
    table: id.optional(),
    tables: z.array(id).min(1).max(MOST_TABLES).optional(),
    topic: id.optional(),
    aggregate: id.optional(),
    aggregates: z.array(id).min(1).max(MOST_AGGREGATES).optional(),
    from: id.optional(),
    to: id.optional(),
    deletes: z.boolean().default(true),
    rowsPerSecond: z.number().int().min(1).optional(),
    purpose: id.optional(),
  })
  .refine(({ table, tables, topic }) => [table, tables, topic].filter(isGiven).length === 1, {
    message: 'name either a table, or some tables of one topic, or a topic',
  })
  .refine(({ aggregate, aggregates, from, to }) => [aggregate, aggregates, from ?? to].filter(isGiven).length <= 1, {
    message: 'either one aggregate, or some, or a range of them',
  });

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

/**
 * The control actions by name. Null where there is none of that name. Throws `validation-failed` for a body that does not fit, `conflict` where
 * the capture cannot do it now.
 */
export function controlAction(control: CaptureControl, action: string, body: Body): Promise<unknown> | null {
  switch (action) {
    case 'pause':
      return done(() => {
        controlBody(nothing, body);
        const stream = required(control.stream, 'nothing is streamed yet: see `millrace capture status`');
        stream.pause();
        return { paused: true };
      });
    case 'resume':
      return done(() => {
        const { table } = controlBody(resume, body);
        if (table !== undefined) return required(control.tables, NOT_STREAMING).resumeTable(table);
        required(control.stream, NOT_STREAMING).resume();
        return { paused: false };
      });
    case 'heal':
      return done(() => {
        controlBody(nothing, body);
        return required(control.slot, 'there is nothing to heal: slot and log belong together').heal();
      });
    case 'resnapshot':
      return done(() => required(control.resnapshots, NOT_STREAMING).request(controlBody(resnapshot, body)));
    case 'resnapshot-state':
      return done(() => required(control.resnapshots, NOT_STREAMING).get(controlBody(snapshot, body).id));
    case 'resnapshot-cancel':
      return done(() => required(control.resnapshots, NOT_STREAMING).cancel(controlBody(snapshot, body).id));
    case 'resnapshot-hold':
      return done(() => {
        const { id, forMs } = controlBody(hold, body);
        return required(control.resnapshots, NOT_STREAMING).hold(id, forMs);
      });
    case 'resnapshots':
      return done(async () => {
        controlBody(nothing, body);
        return { resnapshots: await required(control.resnapshots, NOT_STREAMING).list() };
      });
    default:
      return null;
  }
}

const NOT_STREAMING = 'the capture does not stream now: see `millrace capture status`';

/** What a synchronous step throws becomes a rejection. A connection to Postgres that ends meanwhile is nothing of the request. */
async function done(step: () => unknown): Promise<unknown> {
  try {
    return await step();
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    const message = 'the connection to Postgres has ended, and the capture starts again: ask again';
    throw new PlatformError('engine-unreachable', message, { cause: error });
  }
}

function required<T>(part: T | null, otherwise: string): T {
  if (part === null) throw new PlatformError('conflict', otherwise);
  return part;
}
