import { SignJWT, errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { PlatformError } from '../errors/index.ts';

export const roles = ['customer', 'vendor', 'admin', 'support'] as const;
export type Role = (typeof roles)[number];

/** Tenant of every row and token that names none. */
export const DEMO_TENANT = '00000000-0000-7000-8000-000000000001';

/** Who is asking. Ids are lower-case UUID text; a customer has `customerId`, a vendor `vendorId`. */
export interface Principal {
  readonly subject: string;
  readonly tenantId: string;
  readonly roles: readonly Role[];
  readonly customerId?: string;
  readonly vendorId?: string;
}

export interface AccessTokens {
  /** A JWT (HS256) that ends `ttlSeconds` from now. */
  sign(principal: Principal, ttlSeconds: number): Promise<string>;
  /** Throws `unauthenticated` for a token that is malformed, altered, expired, of another algorithm or without the claims. */
  verify(token: string): Promise<Principal>;
}

const ISSUER = 'millrace';
const uuid = z
  .string()
  .regex(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i)
  .transform((text) => text.toLowerCase());

const claims = z
  .object({
    sub: z.string().min(1).max(200),
    tenant: uuid.default(DEMO_TENANT),
    roles: z.array(z.enum(roles)).min(1),
    customer_id: uuid.optional(),
    vendor_id: uuid.optional(),
  })
  .refine((value) => !value.roles.includes('customer') || value.customer_id !== undefined, 'customer_id is missing')
  .refine((value) => !value.roles.includes('vendor') || value.vendor_id !== undefined, 'vendor_id is missing');

/** `now` gives ms since 1970; injected so that tests need not wait for an expiry. */
export function createAccessTokens(secret: string, now: () => number = Date.now): AccessTokens {
  const key = new TextEncoder().encode(secret);
  return {
    sign(principal, ttlSeconds) {
      const issuedAt = Math.floor(now() / 1000);
      return new SignJWT({
        tenant: principal.tenantId,
        roles: [...principal.roles],
        ...(principal.customerId === undefined ? {} : { customer_id: principal.customerId }),
        ...(principal.vendorId === undefined ? {} : { vendor_id: principal.vendorId }),
      })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setSubject(principal.subject)
        .setIssuer(ISSUER)
        .setIssuedAt(issuedAt)
        .setExpirationTime(issuedAt + ttlSeconds)
        .sign(key);
    },
    async verify(token) {
      const payload = await verified(token, key, now);
      const parsed = claims.safeParse(payload);
      if (!parsed.success) {
        throw new PlatformError('unauthenticated', `The token's claims are incomplete: ${issueText(parsed.error)}.`);
      }
      const { sub, tenant, roles: held, customer_id, vendor_id } = parsed.data;
      return {
        subject: sub,
        tenantId: tenant,
        roles: held,
        ...(customer_id === undefined ? {} : { customerId: customer_id }),
        ...(vendor_id === undefined ? {} : { vendorId: vendor_id }),
      };
    },
  };
}

export function hasRole(principal: Principal | undefined, ...wanted: readonly Role[]): boolean {
  return principal?.roles.some((role) => wanted.includes(role)) === true;
}

async function verified(token: string, key: Uint8Array, now: () => number): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['HS256'],
      issuer: ISSUER,
      requiredClaims: ['exp', 'sub'],
      currentDate: new Date(now()),
    });
    return payload;
  } catch (error) {
    const message = error instanceof errors.JWTExpired ? 'The token has expired.' : 'The token is not valid here.';
    throw new PlatformError('unauthenticated', message, { cause: error });
  }
}

function issueText(error: z.ZodError): string {
  return error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(' ')).join('; ');
}
