export {
  FIRST_GENERATION,
  FIRST_LOG,
  firstGeneration,
  logOfTopic,
  topicOfLog,
  topicOfView,
  viewHolding,
  viewNames,
  viewOfTopic,
  viewsInStore,
} from './view-names.ts';
export type { GenerationOf, ViewName } from './view-names.ts';
export { formatWatermark, isoFromMicros, lowestMark, parseWatermark } from './watermark.ts';
export type { AppliedMark, PartitionMark } from './watermark.ts';
export { REDIS_DELETED_TTL_SECONDS, REDIS_SHARDS, redisEntryPrefix, redisFields, redisNames } from './redis-names.ts';
export type { RedisNames } from './redis-names.ts';
export { amountFromMinor, minorFromAmount, pairKeyword, searchFields, searchNames } from './search-names.ts';
export type { SearchGeneration, SearchNames, SearchWatermark } from './search-names.ts';
export { SEARCH_MAPPING_VERSION, searchAliasFilters, searchFieldsSince, searchIndex } from './search-index.ts';
export { clickhouseGenerationViews, clickhouseNames, clickhouseViews } from './clickhouse-names.ts';
export type { ClickhouseNames, GenerationView } from './clickhouse-names.ts';
