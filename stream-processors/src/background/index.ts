export { BUCKETS, bucketOf } from './buckets.ts';
export { SWEEP_TIMER, reach, sweepOn, sweepsIn } from './sweep.ts';
export type { Sweep, Swept } from './sweep.ts';
