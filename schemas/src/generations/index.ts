export { GenerationFollower } from './generation-follower.ts';
export type { GenerationFollowerOptions } from './generation-follower.ts';
export {
  GenerationTable,
  activeLogOf,
  activeOf,
  firstOnly,
  generationsOf,
  keptOf,
  logOf,
  logsOf,
} from './generation-table.ts';
export type { GenerationRows, ViewGenerations } from './generation-table.ts';
