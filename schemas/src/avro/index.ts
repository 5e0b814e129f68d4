export { avroType, bigintLong, json } from './types.ts';
export type { AvroSchema } from './types.ts';
export { HEADER_BYTES, framed, schemaIdOf } from './frame.ts';
export { AvroReader } from './reader.ts';
export { AvroWriter } from './writer.ts';
export { Slab } from './slab.ts';
