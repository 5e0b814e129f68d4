export { avroType, bigintLong, json } from './types.ts';
export type { AvroSchema } from './types.ts';
export { HEADER_BYTES, framed, schemaIdOf } from './frame.ts';
export { AvroReader } from './reader.ts';
export { AvroWriter } from './writer.ts';
export { compileWriter } from './compile.ts';
export type { WriteValue } from './compile.ts';
