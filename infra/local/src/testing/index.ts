export { OwnKafka } from './own-kafka.ts';
export { OwnPostgres } from './own-postgres.ts';
export { OwnRedisCluster, REDIS_SLOTS } from './own-redis-cluster.ts';
export { ownPort } from './own-engine.ts';
export { redisKeys } from './redis-keys.ts';
export { testAddresses, testEngines, testEnginesFile, testHome, type TestEngines } from './engines.ts';
export {
  dropTestIndices,
  testElasticsearchFile,
  testElasticsearchPort,
  testSearchServers,
  type IndexAdmin,
  type TestSearchServer,
} from './search-servers.ts';
