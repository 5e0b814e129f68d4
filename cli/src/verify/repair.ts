import { PlatformError } from '@millrace/kernel/errors';
import { resnapshotEnded } from '../capture/index.ts';
import type { CaptureClient, Resnapshot, ResnapshotScope } from '../capture/index.ts';
import { isDocumentId } from './expected/expected.ts';
import type { ViewReport } from './verify.ts';

/** Aggregates that one re-snapshot takes: all of them cost one pass over their partitions. */
const AT_ONCE = 1_000;
/** Beyond so many wrong aggregates of a topic the whole topic is read again. */
export const MOST_REPAIRED = 5_000;

/** Fields of a product's document that come from reference rows, whose processor state may be the wrong one. */
const FROM_REFERENCE = new Set(['categoryPath', 'vendor', 'tags']);

/** Sales are not among them: what has been sold is what their log says (`wrongSales`). */
const topicOf: Readonly<Record<string, string>> = {
  catalog: 'cdc.catalog',
  inventory: 'cdc.catalog',
  pricing: 'cdc.catalog',
  orders: 'cdc.orders',
  carts: 'cdc.carts',
  // A product that is read again has its entry told again; orders are keyed by another id.
  recommendations: 'cdc.catalog',
};

/**
 * What has to be read from the tables again to mend what the reports found: reference rows first, then aggregates or whole topics. A key that is no
 * id of ours was never written by Millrace, and reading tables does not mend it.
 */
export function repairScopes(reports: readonly ViewReport[]): ResnapshotScope[] {
  const byTopic = new Map<string, Set<string>>();
  let reference = false;
  let isPartial = false;
  for (const { view, differences, missing, extra, different } of reports) {
    const topic = topicOf[view];
    if (topic === undefined || differences.length === 0) continue;
    if (missing + extra + different > differences.length) isPartial = true;
    const ids = byTopic.get(topic) ?? new Set();
    for (const { key, kind, fields } of differences) {
      if (kind === 'extra' && !isDocumentId(key)) continue;
      ids.add(key);
      reference ||= view === 'catalog' && fields.some(({ field }) => FROM_REFERENCE.has(field));
    }
    byTopic.set(topic, ids);
  }
  const scopes: ResnapshotScope[] = reference ? [{ topic: 'cdc.reference' }] : [];
  for (const [topic, ids] of byTopic) {
    if (isPartial || ids.size > MOST_REPAIRED) scopes.push({ topic });
    else
      for (let at = 0; at < ids.size; at += AT_ONCE)
        scopes.push({ topic, aggregates: [...ids].slice(at, at + AT_ONCE) });
  }
  return scopes;
}

/** Orders whose sales differ. They are deltas: an order that is read again adds none, so the stores are given those of their log again. */
export function wrongSales(reports: readonly ViewReport[]): string[] {
  const wrong = reports.filter(({ view }) => view === 'sales').flatMap(({ differences }) => differences);
  return [...new Set(wrong.map(({ key }) => key))];
}

/**
 * Has the capture read the scopes again, one after the other, and waits for each. When it resolves, the log holds every row of them at a position
 * past the differences', so that whoever follows the log is mended once it has reached the present.
 * Throws `engine-unreachable` where no producer answers, `conflict` where a re-snapshot failed.
 */
export async function repair(
  capture: CaptureClient,
  scopes: readonly ResnapshotScope[],
  note: (text: string) => void,
): Promise<readonly Resnapshot[]> {
  const done: Resnapshot[] = [];
  for (const scope of scopes) {
    const asked = await capture.resnapshot(scope);
    const state = await resnapshotEnded(capture, asked.id);
    if (state.state !== 'done') {
      throw new PlatformError('conflict', `re-snapshot ${state.id} is ${state.state}: ${state.detail ?? ''}`);
    }
    note(
      `Read ${scope.aggregates === undefined ? 'all' : `${scope.aggregates.length} aggregates`} of ${scope.topic ?? ''} again: ${state.rows} rows, ${state.deleted} deletes.`,
    );
    done.push(state);
  }
  return done;
}
