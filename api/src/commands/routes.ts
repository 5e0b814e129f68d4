import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from '@fastify/type-provider-typebox';
import type { PositionTokens, Principal, Role } from '@millrace/kernel/security';
import { principalIn } from '../access/authentication.ts';
import type { App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import type { Database } from '../database/database.ts';
import { requestHash } from '../idempotency/request-hash.ts';
import { HttpProblem } from '../problems/statuses.ts';
import { wrongField } from '../problems/wrong-field.ts';
import { addCartCommands } from './cart-routes.ts';
import { PostHeaders, PutHeaders, orderTakers } from './command-route.ts';
import type { Run } from './command-route.ts';
import { changeInventory } from './inventory.ts';
import { advanceOrder, cancelOrder, recordPayment, recordShipment } from './order-progress.ts';
import { placeOrder } from './place-order.ts';
import { schedulePrice } from './prices.ts';
import { createProduct, updateProduct } from './products.ts';
import { runCommand } from './runner.ts';
import type { Command } from './runner.ts';
import * as shapes from './shapes.ts';
import { addTags, putTags, removeTag } from './tags.ts';

const MAX_KEY_LENGTH = 255;
const staff: readonly Role[] = ['admin'];

export interface CommandDependencies {
  readonly database: Database;
  readonly positionTokens: PositionTokens;
}

/** Every command route. Each answers `Millrace-Position`; every POST needs an `Idempotency-Key`. */
export function addCommands(app: App, dependencies: CommandDependencies): void {
  const run: Run = (request, reply, make) => answerCommand(dependencies, request, reply, make);
  const prefix = '/api/commands';
  const command = (summary: string, access: readonly Role[], status: 200 | 201 = 200) =>
    ({ summary, access, status, tag: 'commands' }) as const;
  const post = { headers: PostHeaders } as const;
  const put = { headers: PutHeaders } as const;
  const byId = { params: shapes.IdParams } as const;

  app.post(
    `${prefix}/products`,
    described(command('Create a product', staff, 201), { ...post, body: shapes.CreateProduct }),
    (request, reply) => run(request, reply, (who) => createProduct(who, request.body)),
  );
  app.put(
    `${prefix}/products/:id`,
    described(command('Change a product', staff), { ...put, ...byId, body: shapes.UpdateProduct }),
    (request, reply) => {
      const version = versionIn(request.headers['if-match']);
      return run(request, reply, (who) => updateProduct(who, request.params.id, request.body, version));
    },
  );
  app.post(
    `${prefix}/products/:id/tags`,
    described(command('Add tags to a product', staff, 201), { ...post, ...byId, body: shapes.SetTags }),
    (request, reply) => run(request, reply, (who) => addTags(who, request.params.id, request.body)),
  );
  app.put(
    `${prefix}/products/:id/tags`,
    described(command('Set the tags of a product', staff), { ...put, ...byId, body: shapes.SetTags }),
    (request, reply) => run(request, reply, (who) => putTags(who, request.params.id, request.body)),
  );
  app.delete(
    `${prefix}/products/:id/tags/:tagId`,
    described(command('Take a tag from a product', staff), {
      ...put,
      params: Type.Object({ id: shapes.Uuid, tagId: shapes.Uuid }, shapes.closed),
    }),
    (request, reply) => run(request, reply, (who) => removeTag(who, request.params.id, request.params.tagId)),
  );
  const stock = { ...byId, body: shapes.ChangeInventory };
  app.post(
    `${prefix}/products/:id/inventory`,
    described(command('Change a stock level by a delta', staff), { ...post, ...stock }),
    (request, reply) => run(request, reply, (who) => changeInventory(who, request.params.id, request.body)),
  );
  app.put(
    `${prefix}/products/:id/inventory`,
    described(command('Change a stock level by a delta', staff), { ...put, ...stock }),
    (request, reply) => run(request, reply, (who) => changeInventory(who, request.params.id, request.body)),
  );
  app.post(
    `${prefix}/products/:id/prices`,
    described(command('Schedule a price', staff, 201), { ...post, ...byId, body: shapes.SchedulePrice }),
    (request, reply) => run(request, reply, (who) => schedulePrice(who, request.params.id, request.body)),
  );
  addOrderCommands(app, run);
  addCartCommands(app, run);
}

function addOrderCommands(app: App, run: Run): void {
  const command = (summary: string, access: readonly Role[], status: 200 | 201 = 200) =>
    ({ summary, access, status, tag: 'commands' }) as const;
  const byId = { headers: PostHeaders, params: shapes.IdParams } as const;
  const orders = '/api/commands/orders';
  app.post(
    orders,
    described(command('Place an order', orderTakers, 201), { headers: PostHeaders, body: shapes.PlaceOrder }),
    (request, reply) => run(request, reply, (who) => placeOrder(who, request.body)),
  );
  app.post(
    `${orders}/:id/cancel`,
    {
      ...described(command('Cancel an order', orderTakers), { ...byId, body: shapes.CancelOrder }),
      preValidation: absentBodyIsNull,
    },
    (request, reply) => run(request, reply, (who) => cancelOrder(who, request.params.id, request.body?.reason)),
  );
  app.post(
    `${orders}/:id/status`,
    described(command('Move an order to its next status', staff), { ...byId, body: shapes.AdvanceOrder }),
    (request, reply) => run(request, reply, (who) => advanceOrder(who, request.params.id, request.body)),
  );
  app.post(
    `${orders}/:id/payments`,
    described(command('Record a payment', staff, 201), { ...byId, body: shapes.RecordPayment }),
    (request, reply) => run(request, reply, (who) => recordPayment(who, request.params.id, request.body)),
  );
  app.post(
    `${orders}/:id/shipments`,
    described(command('Record a shipment', staff, 201), { ...byId, body: shapes.RecordShipment }),
    (request, reply) => run(request, reply, (who) => recordShipment(who, request.params.id, request.body)),
  );
}

/** For commands whose body may be left out. */
async function absentBodyIsNull(request: FastifyRequest): Promise<void> {
  request.body ??= null;
  return Promise.resolve();
}

async function answerCommand(
  { database, positionTokens }: CommandDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  make: (principal: Principal) => Command,
): Promise<FastifyReply> {
  const principal = principalIn(request);
  const path = request.url.split('?')[0] ?? '';
  const answer = await runCommand(
    database,
    {
      principal,
      requestId: request.id,
      idempotencyKey: keyIn(request),
      requestHash: requestHash(request.method, path, request.body),
    },
    make(principal),
  );
  void reply.code(answer.status).headers(answer.headers).header('millrace-position', positionTokens.encode(answer.lsn));
  if (answer.replayed) void reply.header('idempotent-replayed', 'true');
  return reply.serializer((text: unknown) => text as string).send(answer.body);
}

function keyIn(request: FastifyRequest): string | undefined {
  const given = request.headers['idempotency-key'];
  const key = (Array.isArray(given) ? given[0] : given)?.trim();
  if (key !== undefined && key !== '') {
    if (key.length <= MAX_KEY_LENGTH) return key;
    throw wrongField('headers.idempotency-key', `must not be longer than ${MAX_KEY_LENGTH} characters`);
  }
  if (request.method !== 'POST') return undefined;
  throw new HttpProblem('idempotency-key-missing', 'Send an Idempotency-Key header, a new one for each command.');
}

/** `"3"`, `W/"3"` or `3`; `*` asks for nothing but existence. */
function versionIn(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const match = /^(?:W\/)?"?(\d{1,15})"?$/.exec(ifMatch.trim());
  if (match?.[1] === undefined) throw wrongField('headers.if-match', 'must be a version as the ETag header gives it');
  return Number(match[1]);
}
