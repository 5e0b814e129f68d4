export { DEMO_TENANT, createAccessTokens, hasRole, roles } from './access-token.ts';
export type { AccessTokens, Principal, Role } from './access-token.ts';
export { createPositionTokens } from './position-token.ts';
export type { PositionTokens } from './position-token.ts';
export { securitySettings } from './settings.ts';
export { createTextSigner } from './signed-text.ts';
export type { TextSigner } from './signed-text.ts';
