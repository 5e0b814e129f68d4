export { Standby } from './standby.ts';
export type { StandbyOptions, StandbyReport } from './standby.ts';
