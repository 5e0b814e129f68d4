import { Type } from '@fastify/type-provider-typebox';
import type { TSchema } from '@fastify/type-provider-typebox';
import type { Access } from './app-type.ts';

/** The parts of a request that a route's schema checks and types. */
interface RequestSchema {
  readonly params?: TSchema;
  readonly querystring?: TSchema;
  readonly headers?: TSchema;
  readonly body?: TSchema;
}

export interface Description {
  readonly summary: string;
  readonly tag: 'commands' | 'queries' | 'behaviour' | 'operations' | 'demo';
  readonly access: Access;
  /** Status of the ordinary answer; 200 if absent. */
  readonly status?: 200 | 201;
}

const Answer = Type.Object({}, { additionalProperties: true });

/**
 * Options of a route: what it takes (which is checked and typed), who may call it, and what the OpenAPI document says of it. Answers are
 * documented but neither checked nor filtered by their schema.
 */
export function described<S extends RequestSchema>(
  { summary, tag, access, status = 200 }: Description,
  request: S,
): { config: { access: Access }; schema: S } {
  const documented = {
    ...request,
    summary,
    tags: [tag],
    ...(access === 'public' ? {} : { security: [{ bearer: [] }] }),
    response: {
      [status]: { description: summary, ...Answer },
      '4xx': Type.Ref('Problem', {
        description: 'A problem document: the request or the state of the shop does not allow it',
      }),
      '5xx': Type.Ref('Problem', { description: 'A problem document: the platform cannot answer now' }),
    },
  };
  return { config: { access }, schema: documented };
}
