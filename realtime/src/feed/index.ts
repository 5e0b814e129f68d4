export { Feed } from './feed.ts';
export type { FeedOptions, FeedSink } from './feed.ts';
export { TopicState } from './topic-state.ts';
export type { TopicOwner } from './topic-state.ts';
