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
export { SharedReader } from './shared-reader.ts';
export type { SharedReaderOptions } from './shared-reader.ts';
