export { captureCampaign } from './capture/campaign.ts';
export type { CaptureChaosOptions, CaptureChaosReport } from './capture/campaign.ts';
export { startOwnEngines } from './capture/own-engines.ts';
export type { OwnEngines } from './capture/own-engines.ts';
export { typesCampaign } from './types/campaign.ts';
export type { TypesReport } from './types/campaign.ts';
export { processingCampaign } from './processing/campaign.ts';
export type { ProcessingChaosReport } from './processing/campaign.ts';
