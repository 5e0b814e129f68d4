export { GenerationFollower } from './generation-follower.ts';
export { StoreFollower } from './store-follower.ts';
export type { StoreParts } from './store-follower.ts';
export { GenerationTable } from './generation-table.ts';
