export { Checker } from './check.ts';
export type { SeedReport } from './check.ts';
export { Place } from './place.ts';
export { bankWithPoison } from './poison.ts';
