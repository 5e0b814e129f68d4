export { POSTGRES_EPOCH_US, PgoutputDecoder, isOrigin, isRelation, isStreamStop, streamedXid } from './decoder.ts';
export type { OldRowKind, PgoutputHandler } from './decoder.ts';
