export { RedisSink } from './redis-sink.ts';
export type { RedisSinkOptions } from './redis-sink.ts';
export { RedisGenerations } from './redis-generations.ts';
