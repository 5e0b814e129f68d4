export { UNCHANGED } from './change.ts';
export type { Change, ChangeOp, ColumnValue, Row, Unchanged } from './change.ts';
export { columnKind, envelopeSchema } from './relation.ts';
export type { ColumnKind, Relation, RelationColumn } from './relation.ts';
export { TextRow, textRow } from './text-row.ts';
export { createChangeEncoder, encodeChange } from './encoder.ts';
export type { ChangeContent, ChangeEncoder, CommitStamp } from './encoder.ts';
export { createChangeDecoder } from './decoder.ts';
export type { ChangeDecoder } from './decoder.ts';
