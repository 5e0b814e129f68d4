export { expectedDocuments } from './expected.ts';
export { repair, repairScopes } from './repair.ts';
export { verifyView } from './verify.ts';
export type { Difference, VerifyOptions, ViewReport } from './verify.ts';
export { generationStoreViews, openStoreViews } from './stores.ts';
export type { StoreView } from './store-view.ts';
