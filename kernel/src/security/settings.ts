import { secretSetting, setting, z } from '../config/index.ts';

/**
 * demo: this deployment signs short-lived tokens for anyone who asks; refused where NODE_ENV=production. jwt: tokens come from elsewhere,
 * signed with the same secret (HS256).
 */
export const securitySettings = {
  auth: {
    ...setting(
      'AUTH',
      z.enum(['demo', 'jwt']).default('demo'),
      'jwt: callers bring signed tokens; demo: the API also hands them out (refused where NODE_ENV=production)',
    ),
    demoOnly: 'demo',
  },
  authSecret: secretSetting(
    'AUTH_SECRET',
    'Secret shared by API and gateway: signs access tokens, position tokens and cursors',
    'millrace-demo-secret-of-no-worth',
  ),
} as const;
