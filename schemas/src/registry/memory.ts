import { PlatformError } from '@millrace/kernel/errors';
import type { SchemaRegistry } from './registry.ts';

/** A registry for tests: ids by content, no compatibility rule. */
export class MemoryRegistry implements SchemaRegistry {
  readonly #schemas: string[] = [];

  register(_topic: string, schema: unknown): Promise<number> {
    const text = JSON.stringify(schema);
    const known = this.#schemas.indexOf(text);
    if (known >= 0) return Promise.resolve(known + 1);
    return Promise.resolve(this.#schemas.push(text));
  }

  schema(id: number): Promise<unknown> {
    const text = this.#schemas[id - 1];
    if (text === undefined) return Promise.reject(new PlatformError('schema-unknown', `no schema ${id}`));
    return Promise.resolve(JSON.parse(text) as unknown);
  }
}
