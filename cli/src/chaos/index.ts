export { typesCampaign } from './types/campaign.ts';
export type { TypesReport } from './types/campaign.ts';
