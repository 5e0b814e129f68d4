import { randomUUID } from 'node:crypto';
import { Type } from '@fastify/type-provider-typebox';
import type { Static } from '@fastify/type-provider-typebox';
import { DEMO_TENANT } from '@millrace/kernel/security';
import type { PositionTokens } from '@millrace/kernel/security';
import type { App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import { Moment, Uuid, closed, oneOf } from '../commands/shapes.ts';
import type { Database } from '../database/database.ts';
import { wrongField } from '../problems/wrong-field.ts';
import { takeIn } from './intake.ts';
import type { ToldEvent } from './intake.ts';

/** Events of one request. */
const MOST_EVENTS = 100;
/** Apps tell later what was done without a network; what is older says nothing about a shop of today. */
const OLDEST_MS = 7 * 24 * 3600 * 1000;
/** Clocks of visitors go wrong. */
const AHEAD_MS = 5 * 60 * 1000;

const event = {
  eventId: Type.Optional(Uuid),
  productId: Type.Optional(Uuid),
  occurredAt: Type.Optional(Moment),
};
const Kind = oneOf('view', 'search', 'add_to_cart', 'checkout', 'purchase');

const TellBehaviour = Type.Object(
  {
    sessionId: Type.Optional(Uuid),
    events: Type.Optional(
      Type.Array(Type.Object({ ...event, type: Kind }, closed), { minItems: 1, maxItems: MOST_EVENTS }),
    ),
    ...event,
    type: Type.Optional(Kind),
  },
  {
    ...closed,
    description:
      'What a visitor did: one event, or `events`. Sent without a sessionId it begins a session, whose id is answered. An event that is sent again ' +
      `with its eventId counts once. At most 7 days old, ${AHEAD_MS / 60_000} minutes ahead.`,
    examples: [{ type: 'view', productId: '0198c1d2-7f00-7000-8000-000000000001' }],
  },
);

/** `POST /api/events`: for storefronts, whose visitors need no token. Answered when the events are durable. */
export function addBehaviour(
  app: App,
  { database, positionTokens }: { readonly database: Database; readonly positionTokens: PositionTokens },
): void {
  app.post(
    '/api/events',
    described(
      { summary: 'Tell what a visitor did', tag: 'behaviour', access: 'public', status: 201 },
      { body: TellBehaviour },
    ),
    async (request, reply) => {
      const events = eventsIn(request.body, Date.now());
      const sessionId = request.body.sessionId ?? randomUUID();
      const { tenantId = DEMO_TENANT, customerId } = request.principal ?? {};
      const { accepted, lsn } = await takeIn(database, { sessionId, tenantId, customerId }, events);
      void reply.code(201).header('millrace-position', positionTokens.encode(lsn));
      return { sessionId, accepted, repeated: events.length - accepted };
    },
  );
}

function eventsIn(body: Static<typeof TellBehaviour>, now: number): readonly ToldEvent[] {
  const { events, type, eventId, productId, occurredAt } = body;
  if (events === undefined) {
    if (type === undefined) throw wrongField('type', 'is required, or `events`');
    return [inTime({ type, eventId, productId, occurredAt }, '', now)];
  }
  const stray = Object.entries({ type, eventId, productId, occurredAt }).find(([, value]) => value !== undefined)?.[0];
  if (stray !== undefined) throw wrongField(stray, 'belongs into `events`, where there are any');
  return events.map((told, at) => inTime(told, `events.${at}.`, now));
}

function inTime(told: ToldEvent, path: string, now: number): ToldEvent {
  const { occurredAt } = told;
  if (occurredAt === undefined) return told;
  const age = now - Date.parse(occurredAt);
  if (age > OLDEST_MS) throw wrongField(`${path}occurredAt`, 'must not be more than 7 days ago');
  if (age < -AHEAD_MS) throw wrongField(`${path}occurredAt`, 'must not be in the future');
  return told;
}
