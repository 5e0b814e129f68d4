export { Hub } from './hub.ts';
export type { Follower } from './hub.ts';
