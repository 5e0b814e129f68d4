import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { loadConfig } from '../config/index.ts';
import { PlatformError } from '../errors/index.ts';
import type { ErrorKind } from '../errors/index.ts';
import { DEMO_TENANT, createAccessTokens, createPositionTokens, createTextSigner, securitySettings } from './index.ts';
import type { Principal } from './index.ts';

const secret = 'a secret that is long enough';
const start = Date.UTC(2026, 0, 1);
const customer: Principal = {
  subject: 'someone',
  tenantId: DEMO_TENANT,
  roles: ['customer'],
  customerId: '0198c1d2-0000-7000-8000-000000000009',
};

async function kindOf(step: () => unknown): Promise<ErrorKind | 'nothing thrown'> {
  try {
    await step();
  } catch (error) {
    if (error instanceof PlatformError) return error.kind;
    throw error;
  }
  return 'nothing thrown';
}

describe('signed texts', () => {
  const signer = createTextSigner(secret, 'test');

  test('open gives what was signed, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(signer.open(signer.sign(text))).toBe(text);
        expect(signer.sign(text)).toMatch(/^[\w-]*\.[\w-]+$/);
      }),
    );
  });

  test('a change of any one character is noticed', () => {
    const signed = signer.sign('123456789');
    for (let at = 0; at < signed.length; at++) {
      const other = signed[at] === 'A' ? 'B' : 'A';
      expect(signer.open(signed.slice(0, at) + other + signed.slice(at + 1))).toBeNull();
    }
    for (const wrong of ['', '.', 'x', `${signed}A`, signed.slice(0, -1), `${signed}.`]) {
      expect(signer.open(wrong)).toBeNull();
    }
  });

  test('another purpose or another secret does not open it', () => {
    expect(createTextSigner(secret, 'other').open(signer.sign('1'))).toBeNull();
    expect(createTextSigner(`${secret}!`, 'test').open(signer.sign('1'))).toBeNull();
  });
});

describe('position tokens', () => {
  const tokens = createPositionTokens(secret);

  test('carry any position, past 2^53 too', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }), (lsn) => {
        expect(tokens.decode(tokens.encode(lsn))).toBe(lsn);
      }),
    );
  });

  test('refuse what was not issued here', async () => {
    expect(await kindOf(() => tokens.decode('MTIz.AAAA'))).toBe('validation-failed');
    expect(await kindOf(() => tokens.decode(createPositionTokens('another secret').encode(5n)))).toBe(
      'validation-failed',
    );
  });
});

describe('access tokens', () => {
  const tokens = createAccessTokens(secret, () => start);

  test('give back the principal', async () => {
    expect(await tokens.verify(await tokens.sign(customer, 60))).toEqual(customer);
  });

  test('expire', async () => {
    const token = await tokens.sign(customer, 60);
    const later = createAccessTokens(secret, () => start + 61_000);
    expect(await kindOf(() => later.verify(token))).toBe('unauthenticated');
  });

  test.each([
    ['nothing', () => ''],
    ['three dots', () => 'a.b.c'],
    ['another secret', () => createAccessTokens('another secret', () => start).sign(customer, 60)],
    ['no algorithm', () => `${base64({ alg: 'none' })}.${base64({ sub: 'x', roles: ['admin'], iss: 'millrace' })}.`],
    ['an unknown role', () => handmade({ roles: ['root'] })],
    ['no role', () => handmade({})],
    ['a customer without id', () => handmade({ roles: ['customer'] })],
    ['a vendor whose id is no UUID', () => handmade({ roles: ['vendor'], vendor_id: '1 or 1=1' })],
  ])('refuse %s', async (_name, make) => {
    const token = await make();
    expect(await kindOf(() => tokens.verify(token))).toBe('unauthenticated');
  });

  function base64(value: unknown): string {
    return Buffer.from(JSON.stringify(value)).toString('base64url');
  }

  function handmade(payload: Record<string, unknown>): Promise<string> {
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('x')
      .setIssuer('millrace')
      .setExpirationTime(start / 1000 + 60)
      .sign(new TextEncoder().encode(secret));
  }
});

describe('settings', () => {
  test('demo tokens and the demo secret are refused in production', () => {
    expect(loadConfig(securitySettings, {}).auth).toBe('demo');
    expect(() => loadConfig(securitySettings, { NODE_ENV: 'production' })).toThrow(/AUTH: .*AUTH_SECRET: /);
    const explicitly = { NODE_ENV: 'production', AUTH: 'demo', AUTH_SECRET: 'x'.repeat(32) };
    expect(() => loadConfig(securitySettings, explicitly)).toThrow(/AUTH: /);
    expect(loadConfig(securitySettings, { ...explicitly, AUTH: 'jwt' }).auth).toBe('jwt');
  });
});
