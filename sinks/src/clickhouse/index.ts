export { ClickhouseSink } from './clickhouse-sink.ts';
export type { ClickhouseSinkOptions } from './clickhouse-sink.ts';
export { ClickhouseGenerations } from './clickhouse-generations.ts';
