import type { CliConfig } from '../config/index.ts';
import { benchCapture } from './capture.ts';
import { benchLog } from './log.ts';
import { benchProcessing } from './processing.ts';
import { benchNexmark } from './nexmark.ts';
import type { BenchOptions, BenchReport } from './report.ts';
import { benchRoad } from './road.ts';
import { benchSoak } from './soak.ts';
import { benchViews } from './views.ts';

export type Bench = (config: CliConfig, options: BenchOptions) => Promise<BenchReport>;

export const benches: Readonly<Record<string, Bench>> = {
  log: ({ kafkaBrokers }, { seconds }) =>
    benchLog({ brokers: kafkaBrokers, ...(seconds === undefined ? {} : { seconds }) }),
  road: benchRoad,
  capture: benchCapture,
  processing: benchProcessing,
  nexmark: benchNexmark,
  soak: benchSoak,
  views: benchViews,
};
