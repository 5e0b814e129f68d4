import { z } from '@millrace/kernel/config';
import { PlatformError } from '@millrace/kernel/errors';
import { capturedTables, cdcTopics, partitionCount } from '@millrace/schemas/topics';
import type { CapturedTable, CdcTopic } from '@millrace/schemas/topics';

/** Which tables are captured, and into which topics. */
export interface CaptureDeclaration {
  readonly tables: readonly CapturedTable[];
  readonly topics: readonly DeclaredTopic[];
}

export interface DeclaredTopic {
  readonly topic: CdcTopic;
  /** Null: as many as every keyed topic. */
  readonly partitions: number | null;
}

/** The demo shop's, as the topic catalogue has it. */
export const shopDeclaration: CaptureDeclaration = {
  tables: capturedTables,
  topics: cdcTopics.map((topic) => ({ topic, partitions: partitionCount(topic, 0) === 1 ? 1 : null })),
};

const topicName = z
  .string()
  .regex(/^cdc\.[a-zA-Z0-9._-]{1,200}$/, 'a topic is named cdc.<aggregate>')
  .refine((topic) => !topic.endsWith('.dlq'), 'a name that ends in .dlq is the dead-letter topic of another')
  .transform((topic) => topic as CdcTopic);

const fileSchema = z.strictObject({
  topics: z
    .record(z.string(), z.strictObject({ partitions: z.number().int().min(1).max(1024).optional() }))
    .default({}),
  tables: z
    .array(
      z.strictObject({
        table: z.string().regex(/^[^.]+\.[^.]+$/, 'a table is named schema.table'),
        topic: topicName,
        aggregateColumn: z.string().min(1),
      }),
    )
    .min(1, 'names no table'),
});

/** Reads a declaration from JSON. Throws `config-invalid` naming every problem together. */
export function parseDeclaration(text: string): CaptureDeclaration {
  const parsed = fileSchema.safeParse(json(text));
  if (!parsed.success) {
    throw refused(parsed.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': ')));
  }
  const tables = parsed.data.tables.map(({ table, topic, aggregateColumn }): CapturedTable => {
    const dot = table.indexOf('.');
    return { schema: table.slice(0, dot), table: table.slice(dot + 1), topic, aggregateColumn };
  });
  const used = [...new Set(tables.map(({ topic }) => topic))];
  const problems = [
    ...Object.keys(parsed.data.topics)
      .filter((topic) => !used.includes(topic as CdcTopic))
      .map((topic) => `topics.${topic}: no table goes there`),
    ...tables.flatMap((table, index) => nameProblems(table, tables.slice(0, index))),
  ];
  if (problems.length > 0) throw refused(problems);
  return {
    tables,
    topics: used.map((topic) => ({ topic, partitions: parsed.data.topics[topic]?.partitions ?? null })),
  };
}

/** Record keys are `<table>/<primary key>`, and those that begin with `_` are the platform's own. */
function nameProblems({ schema, table, topic }: CapturedTable, before: readonly CapturedTable[]): string[] {
  const name = `${schema}.${table}`;
  const problems: string[] = [];
  if (before.some((other) => other.schema === schema && other.table === table)) problems.push(`${name} is named twice`);
  else if (before.some((other) => other.table === table && other.topic === topic)) {
    problems.push(`${name} has the name of another schema's table in ${topic}: their keys would be the same`);
  }
  if (table.startsWith('_')) problems.push(`${name} begins with _, and such keys are the platform's own`);
  if (table.includes('/')) problems.push(`${name} has a / in its name, and that ends the table's name in a key`);
  return problems;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw refused([`not JSON: ${error instanceof Error ? error.message : ''}`]);
  }
}

function refused(problems: readonly string[]): PlatformError {
  return new PlatformError('config-invalid', `the declaration of captured tables: ${problems.join(' | ')}`, {
    context: { problems },
  });
}
