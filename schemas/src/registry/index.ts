export type { SchemaRegistry } from './registry.ts';
export { MemoryRegistry } from './memory.ts';
export { createSchemaRegistry } from './http.ts';
