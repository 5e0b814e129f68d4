export {
  addressesFrom,
  addressVariablesOf,
  engineNames,
  type EngineAddresses,
  type EngineName,
  type Environment,
} from './addresses.ts';
export { planEngines, type EnginePlan } from './plan.ts';
export { requireJava } from './java.ts';
export { kafkaClusterSpecs } from './kafka.ts';
export { findElasticsearchJava } from './elasticsearch-java.ts';
export { elasticsearchSpec } from './elasticsearch.ts';
