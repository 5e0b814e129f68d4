import { Type } from '@fastify/type-provider-typebox';
import { DEMO_TENANT, roles } from '@millrace/kernel/security';
import type { AccessTokens, Principal } from '@millrace/kernel/security';
import type { App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import { Uuid, closed, oneOf } from '../commands/shapes.ts';
import type { Sql } from '../database/database.ts';
import { wrongField } from '../problems/wrong-field.ts';

const TTL_SECONDS = 3600;

const DemoToken = Type.Object(
  {
    role: oneOf(...roles),
    customerId: Type.Optional(Uuid),
    vendorId: Type.Optional(Uuid),
  },
  { ...closed, examples: [{ role: 'admin' }] },
);

/** `POST /api/demo/token`, only where AUTH=demo: signs what it is asked for. A customer or vendor left out is some one of the shop. */
export function addDemoTokens(app: App, tokens: AccessTokens, sql: Sql): void {
  app.post(
    '/api/demo/token',
    described(
      { summary: 'A token for the demo, valid for an hour', tag: 'demo', access: 'public' },
      { body: DemoToken },
    ),
    async (request) => {
      const { role } = request.body;
      const customerId = role === 'customer' ? (request.body.customerId ?? (await someCustomer(sql))) : undefined;
      const vendorId = role === 'vendor' ? (request.body.vendorId ?? (await someVendor(sql))) : undefined;
      const principal: Principal = {
        subject: `demo-${role}${customerId ?? vendorId ?? ''}`,
        tenantId: DEMO_TENANT,
        roles: [role],
        ...(customerId === undefined ? {} : { customerId: customerId.toLowerCase() }),
        ...(vendorId === undefined ? {} : { vendorId: vendorId.toLowerCase() }),
      };
      const token = await tokens.sign(principal, TTL_SECONDS);
      return {
        token,
        expiresInSeconds: TTL_SECONDS,
        role,
        ...(customerId === undefined ? {} : { customerId }),
        ...(vendorId === undefined ? {} : { vendorId }),
      };
    },
  );
}

async function someCustomer(sql: Sql): Promise<string> {
  const row = await sql.first<{ id: string }>('select customer_id as id from commerce.customers limit 1');
  if (row === undefined) throw wrongField('customerId', 'is required: the shop has no customer yet');
  return row.id;
}

async function someVendor(sql: Sql): Promise<string> {
  const row = await sql.first<{ id: string }>('select vendor_id as id from commerce.vendors limit 1');
  if (row === undefined) throw wrongField('vendorId', 'is required: the shop has no vendor yet');
  return row.id;
}
