export { SinkRunner } from './sink-runner.ts';
export type { SinkRunnerOptions, SinkStatus } from './sink-runner.ts';
export type { ReplayRequest } from './replay.ts';
export { sinkMetrics } from './metrics.ts';
export type { SinkMetrics } from './metrics.ts';
export type { BatchLimits } from './pending.ts';
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export type { Pace } from './session.ts';
