export type {
  AppendRequest,
  AppendResult,
  FetchedBatch,
  LogAdmin,
  LogClient,
  LogReader,
  LogRecord,
  LogWriter,
  OpenWriterOptions,
  PartitionEnd,
  ReadRequest,
  RecordView,
  TopicPartition,
  TopicSpec,
} from './port.ts';
export { rangesOf, storedRecords } from './stored-records.ts';
export type { LogRange, StoredRecord } from './stored-records.ts';
export { SharedReader } from './shared-reader.ts';
export type { SharedReaderOptions } from './shared-reader.ts';
