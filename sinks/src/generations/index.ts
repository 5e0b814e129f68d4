export { StoreFollower } from './store-follower.ts';
export type { StoreParts } from './store-follower.ts';
