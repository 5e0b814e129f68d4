export { demoShop } from './demo-shop.ts';
export type { DemoShop } from './demo-shop.ts';
export { loadDemoShop } from './load.ts';
export type { LoadOptions, LoadResult } from './load.ts';
export { readSource } from './source.ts';
export type { SourceLine } from './source.ts';
export { sourceTotals } from './source-totals.ts';
export type { SourceTotals, Totals } from './source-totals.ts';
