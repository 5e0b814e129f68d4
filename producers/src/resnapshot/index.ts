export { createProgressMetrics } from './progress-metrics.ts';
export { tableName } from './plan.ts';
export { Resnapshots } from './resnapshots.ts';
export type { ResnapshotsOptions } from './resnapshots.ts';
export type { ChangeObserver } from './change-window.ts';
