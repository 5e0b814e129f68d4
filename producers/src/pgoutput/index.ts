export { POSTGRES_EPOCH_US, PgoutputDecoder } from './decoder.ts';
export type { OldRowKind, PgoutputHandler } from './decoder.ts';
