import { PlatformError } from '../errors/index.ts';
import { lsnFromText } from '../position/index.ts';
import type { Lsn } from '../position/index.ts';
import { createTextSigner } from './signed-text.ts';

/**
 * Between positions and the opaque tokens that callers carry. A token says nothing but "every view that has this position has your write";
 * it gives no access to anything and does not expire.
 */
export interface PositionTokens {
  encode(lsn: Lsn): string;
  /** Throws `validation-failed` for a token that this deployment did not sign. */
  decode(token: string): Lsn;
}

export function createPositionTokens(secret: string): PositionTokens {
  const signer = createTextSigner(secret, 'position');
  return {
    encode: (lsn) => signer.sign(lsn.toString()),
    decode(token) {
      const text = signer.open(token);
      if (text === null) {
        throw new PlatformError('validation-failed', 'The position token was not issued here or has been altered.');
      }
      return lsnFromText(text);
    },
  };
}
