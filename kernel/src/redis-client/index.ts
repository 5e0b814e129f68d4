export { redisAddress } from './address.ts';
export type { RedisAddress } from './address.ts';
export { connectRedis, createRedisClient, isCluster, pingRedis } from './client.ts';
export type { RedisClient, RedisClientOptions } from './client.ts';
export { redisAnswers, redisSteps } from './answers.ts';
export type { RedisCommand } from './answers.ts';
export { removeFromRedis, scanRedis } from './scan.ts';
