export { ElasticsearchSink } from './elasticsearch-sink.ts';
export type { ElasticsearchSinkOptions } from './elasticsearch-sink.ts';
export { SearchGenerations } from './search-generations.ts';
