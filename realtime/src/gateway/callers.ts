import type { AccessTokens } from '@millrace/kernel/security';
import type { Caller } from '../session/index.ts';

/** Who a token names, and until when: a connection outlives the token it came with. */
export function createCallers(tokens: AccessTokens): (token: string) => Promise<Caller> {
  return async (token) => {
    const principal = await tokens.verify(token);
    return { principal, expiresAtMs: expiryOf(token) };
  };
}

/** `exp` of a token that was verified (which demands one), in ms. */
function expiryOf(token: string): number {
  const payload = token.split('.')[1] ?? '';
  const { exp } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { exp: number };
  return exp * 1000;
}
