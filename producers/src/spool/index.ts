export { TransactionSpool } from './transaction-spool.ts';
export type { TransactionSpoolOptions } from './transaction-spool.ts';
export type { SpooledMessages } from './spool-file.ts';
