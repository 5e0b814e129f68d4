import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import type { ErrorKind } from '@millrace/kernel/errors';
import { HttpProblem, httpProblems, statusOfKind } from './statuses.ts';
import type { HttpProblemKind } from './statuses.ts';
import { fieldErrors, isValidationFailure } from './validation.ts';
import type { FieldError } from './validation.ts';

/** An RFC 9457 problem document. `type` is stable: programs may switch on it. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance?: string;
  readonly errors?: readonly FieldError[];
  readonly [extension: string]: unknown;
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** Members of an error's context that a caller may see; anything else stays in the log. */
const publicMembers = ['errors', 'items', 'currentVersion', 'currentStatus'] as const;

export function problemType(kind: ErrorKind | HttpProblemKind): string {
  return `/problems/${kind}`;
}

/** `insufficient-stock` → `Insufficient stock`. */
export function titleOf(kind: string): string {
  const words = kind.replaceAll('-', ' ');
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** The problem document of anything thrown. A status of 500 tells nothing of its cause. */
export function problemOf(error: unknown, instance?: string): Problem {
  const known = recognised(error);
  const where = instance === undefined ? {} : { instance };
  if (known instanceof HttpProblem) {
    const { status } = httpProblems[known.kind];
    return { type: problemType(known.kind), title: titleOf(known.kind), status, detail: known.message, ...where };
  }
  const status = statusOfKind[known.kind];
  return {
    type: problemType(known.kind),
    title: titleOf(known.kind),
    status,
    detail: status === 500 ? 'Something failed here. The log has the cause under this instance.' : known.message,
    ...where,
    ...(status === 500 ? {} : publicContext(known)),
  };
}

/** Seconds after which the same request may succeed, for the statuses that say so. */
export function retryAfterSeconds(status: number): number | undefined {
  return status === 503 ? 1 : undefined;
}

function publicContext(error: PlatformError): Record<string, unknown> {
  return Object.fromEntries(
    publicMembers.flatMap((name) => (error.context[name] === undefined ? [] : [[name, error.context[name]]])),
  );
}

function recognised(error: unknown): PlatformError | HttpProblem {
  if (error instanceof PlatformError || error instanceof HttpProblem) return error;
  if (isValidationFailure(error)) {
    const errors = fieldErrors(error);
    const names = errors.map(({ field, message }) => `${field} ${message}`).join('; ');
    return new PlatformError('validation-failed', `${names}.`, { context: { errors } });
  }
  return fromFramework(error) ?? asPlatformError(error);
}

/** What Fastify itself refuses, before any handler runs. */
function fromFramework(error: unknown): HttpProblem | undefined {
  if (!(error instanceof Error) || !('statusCode' in error)) return undefined;
  switch (error.statusCode) {
    case 400:
      return new HttpProblem('malformed-request', 'The request cannot be read: its body is not JSON as announced.');
    case 413:
      return new HttpProblem('payload-too-large', 'The body is larger than this API takes.');
    case 415:
      return new HttpProblem('unsupported-media-type', 'The body must be application/json.');
    default:
      return undefined;
  }
}
