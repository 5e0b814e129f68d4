import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from '@fastify/type-provider-typebox';
import type { Principal, Role } from '@millrace/kernel/security';
import type { Command } from './runner.ts';

export const orderTakers: readonly Role[] = ['admin', 'customer'];

export const PostHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ description: 'Required: the same key gives the first answer again', examples: ['order-7f3a'] }),
  ),
});
export const PutHeaders = Type.Object({
  'idempotency-key': Type.Optional(Type.String()),
  'if-match': Type.Optional(Type.String({ description: 'The version the change is meant for; another one is 412' })),
});

/** Runs the command that is made for the caller, and answers with what came of it. */
export type Run = (
  request: FastifyRequest,
  reply: FastifyReply,
  make: (principal: Principal) => Command,
) => Promise<FastifyReply>;
