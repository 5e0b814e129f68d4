export { openGenerationRows, viewNamed } from './generation-rows.ts';
export type { GenerationRow, GenerationRows } from './generation-rows.ts';
export { generationSizes } from './generation-sizes.ts';
export type { GenerationSize } from './generation-sizes.ts';
export { createLog, inputRecords } from './new-log.ts';
export { readersSee, rebuild } from './rebuild.ts';
export type { RebuildOptions, RebuildReport } from './rebuild.ts';
