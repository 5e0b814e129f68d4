export { seeded, shopHistory } from './history.ts';
export type { TestCommit } from './history.ts';
export { TestSource } from './source.ts';
export type { TestRow } from './source.ts';
export { TestRoad } from './road.ts';
export type { Written } from './road.ts';
export { replay } from './replay.ts';
export type { ReplayOptions } from './replay.ts';
export { feedByChance } from './feeding.ts';
