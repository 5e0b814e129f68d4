import { testEngines } from '@millrace/infra-local/testing';
import { redisSinkCases } from './testing/redis-sink-cases.ts';

const { redisUrl } = testEngines();

redisSinkCases('redis', { url: () => redisUrl, serverUrl: redisUrl });
