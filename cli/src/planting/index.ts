export { plantDifferences } from './plant.ts';
export type { Planted } from './plant.ts';
