/** What Millrace needs of a schema registry. Subjects follow TopicRecordNameStrategy: `<topic>-<record's full name>`. */
export interface SchemaRegistry {
  /**
   * Registers a record schema under its topic and answers its id; the same schema again answers the same id.
   * Throws `schema-incompatible` where readers of earlier versions would break, `engine-unreachable` where no registry answers.
   */
  register(topic: string, schema: unknown): Promise<number>;
  /** The schema as written. Throws `schema-unknown`. */
  schema(id: number): Promise<unknown>;
}

export function subjectOf(topic: string, schema: unknown): string {
  const { namespace, name } = schema as { namespace?: string; name: string };
  return `${topic}-${namespace === undefined ? name : `${namespace}.${name}`}`;
}
