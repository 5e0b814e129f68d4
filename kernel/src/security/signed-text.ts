import { createHmac, timingSafeEqual } from 'node:crypto';

/** Bytes of the signature that are kept: 128 bits. */
const SIGNATURE_BYTES = 16;

/**
 * Signs short texts for one purpose, so that what was signed for another purpose (or with another secret) is not taken.
 * The signed form is URL-safe and may be read by anyone: it is opaque by contract, not by encryption.
 */
export interface TextSigner {
  sign(text: string): string;
  /** The text, or null for anything this signer did not make. Takes the same time wherever the signature differs. */
  open(signed: string): string | null;
}

export function createTextSigner(secret: string, purpose: string): TextSigner {
  const key = createHmac('sha256', secret).update(`millrace:${purpose}`).digest();
  const signatureOf = (payload: string): Buffer =>
    createHmac('sha256', key).update(payload).digest().subarray(0, SIGNATURE_BYTES);
  return {
    sign(text) {
      const payload = Buffer.from(text, 'utf8').toString('base64url');
      return `${payload}.${signatureOf(payload).toString('base64url')}`;
    },
    open(signed) {
      const dot = signed.indexOf('.');
      if (dot < 0) return null;
      const payload = signed.slice(0, dot);
      const expected = signatureOf(payload).toString('base64url');
      const given = Buffer.from(signed.slice(dot + 1), 'utf8');
      if (given.length !== expected.length || !timingSafeEqual(given, Buffer.from(expected, 'utf8'))) return null;
      return Buffer.from(payload, 'base64url').toString('utf8');
    },
  };
}
