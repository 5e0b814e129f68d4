export { LetterGroups } from './groups.ts';
export type { LetterFilter, LetterGroup, LetterState } from './groups.ts';
export type { Letter } from './letter.ts';
export { deadLetterTopics, readLetters } from './letter-log.ts';
export { parkedAggregates } from './parked-client.ts';
export type { ParkedAggregate } from './parked-client.ts';
export { readable } from './readable.ts';
export type { Readable } from './readable.ts';
