import type { CdcTopic } from '@millrace/schemas/topics';
import type { AnyProcessor } from '../runtime/index.ts';

/** Tables of one topic, by name. */
export interface TopicTables {
  readonly topic: CdcTopic;
  readonly tables: readonly string[];
}

const REFERENCE: CdcTopic = 'cdc.reference';

/**
 * Every table that a view is a function of: those that its processor reads, and those that the views it reads are made from, however far back.
 * Reference data come first, since what is read after them shows them. Empty where no processor writes the view.
 */
export function sourceTables(processors: readonly AnyProcessor[], output: string): TopicTables[] {
  const tables = new Map<CdcTopic, Set<string>>();
  const seen = new Set<string>();
  const follow = (view: string): void => {
    if (seen.has(view)) return;
    seen.add(view);
    for (const input of processors.find((processor) => processor.output === view)?.inputs ?? []) {
      if (input.from === 'view') follow(input.topic);
      else tables.set(input.topic, new Set([...(tables.get(input.topic) ?? []), ...input.tables]));
    }
  };
  follow(output);
  return [...tables]
    .sort(([a], [b]) => Number(b === REFERENCE) - Number(a === REFERENCE))
    .map(([topic, names]) => ({ topic, tables: [...names].sort() }));
}
