export { clearStores } from './clear-stores.ts';
export { older, readLag } from './lag.ts';
export type { Lag } from './lag.ts';
export { openStoreClients } from './store-clients.ts';
export type { StoreClients } from './store-clients.ts';
export { clickhouseMarks, generationMarks, redisGenerations, searchGeneration, storesHolding } from './watermarks.ts';
export type { StoreMark, StoreName } from './watermarks.ts';
