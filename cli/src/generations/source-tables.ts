import { PlatformError } from '@millrace/kernel/errors';
import { FIRST_LOG, topicOfLog } from '@millrace/schemas/stores';
import type { ViewName } from '@millrace/schemas/stores';
import type { CdcTopic } from '@millrace/schemas/topics';
import { programOutput } from '../child-program.ts';

/** Tables of one topic, by name: what one re-snapshot reads. */
export interface TopicTables {
  readonly topic: CdcTopic;
  readonly tables: readonly string[];
}

/**
 * The tables that a view is made from, those of the views it reads included, reference data first. The processors' own code says it, and the
 * deployables meet through topics alone: so it is asked of their program.
 */
export async function sourceTables(view: ViewName): Promise<readonly TopicTables[]> {
  const text = await programOutput('stream-processors', 'topology/print-sources.js', {});
  const found =
    (JSON.parse(text) as Readonly<Record<string, readonly TopicTables[]>>)[topicOfLog(view, FIRST_LOG)] ?? [];
  if (found.length === 0) throw new PlatformError('internal', `no processor says which tables ${view} is made from`);
  return found;
}
