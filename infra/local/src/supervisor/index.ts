export { startPlatform, type Platform, type PlatformEvent, type PlatformOptions } from './platform.ts';
export { killProcess, restartProcess, startDetached, statusOf, stopPlatform, type DetachOptions } from './remote.ts';
export { defaultServices, serviceSpec, type ServiceDefinition } from './services.ts';
export type { ItemStatus, PlatformStatus } from './state-file.ts';
export { defaultHome, homeOf, type Home } from '../paths/index.ts';
export { Problem } from '../processes/index.ts';
export { progressLine, type DownloadProgress } from '../downloads/index.ts';
export { addressesFrom, addressVariablesOf, type EngineAddresses, type Environment } from '../engines/index.ts';
