import type { FastifyReply, FastifyRequest } from 'fastify';
import { PlatformError, errorPolicy } from '@millrace/kernel/errors';
import type { ErrorKind } from '@millrace/kernel/errors';
import { Type } from '@fastify/type-provider-typebox';
import type { App } from '../app/app-type.ts';
import { described } from '../app/described.ts';
import { PROBLEM_MEDIA_TYPE, problemOf, problemType, retryAfterSeconds, titleOf } from './problem.ts';
import { httpProblems, statusOfKind } from './statuses.ts';

/** What every route may answer beside its own: for the OpenAPI document. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ examples: ['/problems/validation-failed'] }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.Optional(Type.String({ description: 'The request’s id' })),
    errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
  },
  { $id: 'Problem', additionalProperties: true, description: 'RFC 9457 problem document' },
);

const KindParams = Type.Object({ kind: Type.String({ maxLength: 100 }) });

/** Every failure leaves as a problem document; its cause goes to the log, under the request's id. */
export function addProblemHandlers(app: App): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, request.id);
    if (problem.status >= 500) request.log.error({ err: error, type: problem.type }, 'a request failed');
    else request.log.debug({ type: problem.type, detail: problem.detail }, 'a request was refused');
    const seconds = retryAfterSeconds(problem.status);
    if (seconds !== undefined) void reply.header('retry-after', seconds);
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer');
    return sendProblem(reply, problem.status, problem);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const problem = problemOf(
      new PlatformError('not-found', `There is no ${request.method} ${path.slice(0, 200)}.`),
      request.id,
    );
    return sendProblem(reply, problem.status, problem);
  });
}

/** Answers what fails before any route is found. */
export function answerFrameworkError(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error, request.id);
  void sendProblem(reply, problem.status, problem);
}

function sendProblem(reply: FastifyReply, status: number, problem: unknown): FastifyReply {
  return reply.code(status).header('content-type', PROBLEM_MEDIA_TYPE).serializer(JSON.stringify).send(problem);
}

/** `GET /problems/{kind}`: what a problem's `type` points at. */
export function addExplanations(app: App): void {
  const known = new Map<string, { status: number; hint: string }>([
    ...(Object.keys(errorPolicy) as ErrorKind[]).map(
      (kind) => [kind, { status: statusOfKind[kind], hint: errorPolicy[kind].hint }] as const,
    ),
    ...Object.entries(httpProblems),
  ]);
  app.get(
    '/problems/:kind',
    described({ summary: 'What a problem’s type means', tag: 'operations', access: 'public' }, { params: KindParams }),
    (request) => {
      const { kind } = request.params;
      const found = known.get(kind);
      if (found === undefined) throw new PlatformError('not-found', 'There is no problem of this kind.');
      return { type: problemType(kind as ErrorKind), title: titleOf(kind), ...found };
    },
  );
}
