export { UNCHANGED } from './change.ts';
export type { Change, ChangeOp, ColumnValue, Row, Unchanged } from './change.ts';
