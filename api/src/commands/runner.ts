import { PlatformError, errorPolicy } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
import type { Principal } from '@millrace/kernel/security';
import type { Database, Sql } from '../database/database.ts';
import { decideIdempotency } from '../idempotency/decision.ts';
import { lockKey, storeAnswer, storedAnswer } from '../idempotency/key-store.ts';
import { HttpProblem } from '../problems/statuses.ts';
import { PROBLEM_MEDIA_TYPE, problemOf } from '../problems/problem.ts';

/** A command's answer before it is sent. */
export interface CommandAnswer {
  readonly status: number;
  readonly body: unknown;
  /** `location`, `etag`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A command: reads and writes only through `sql`, refuses by throwing a PlatformError. */
export type Command = (sql: Sql) => Promise<CommandAnswer>;

export interface CommandCall {
  readonly principal: Principal;
  readonly requestId: string;
  /** Undefined where the caller gave none and the method allows that. */
  readonly idempotencyKey: string | undefined;
  readonly requestHash: string;
}

export interface SentAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. */
  readonly body: string;
  readonly replayed: boolean;
  /** Once a view's watermark has it, the view shows what the command did. */
  readonly lsn: Lsn;
}

/**
 * Runs a command and stores its answer under its key, both in one transaction: they are committed together or not at all. A refusal is an
 * answer too and is stored, its writes undone; failures of the platform (503, 500) and wrong requests are not: they may be tried again.
 */
export async function runCommand(database: Database, call: CommandCall, command: Command): Promise<SentAnswer> {
  const { principal, idempotencyKey, requestHash } = call;
  const { result, lsn } = await database.transaction(async (sql) => {
    if (idempotencyKey === undefined) return { ...rendered(await command(sql)), replayed: false };
    const owner = { tenantId: principal.tenantId, scope: principal.subject, key: idempotencyKey };
    // Sent together, run in order: what is read after the lock was taken is what its last holder left.
    const [locked, stored] = await Promise.all([
      lockKey(sql, owner),
      storedAnswer(sql, owner),
      sql.run('savepoint command'),
    ]);
    const decision = decideIdempotency({ locked, stored, requestHash, now: new Date() });
    switch (decision.do) {
      case 'refuse-in-flight':
        throw new HttpProblem('idempotency-in-flight', 'A request with this Idempotency-Key is still running.');
      case 'refuse-mismatch':
        throw new PlatformError('idempotency-mismatch', 'This Idempotency-Key was used for another request.');
      case 'replay':
        return { ...decision.answer, replayed: true };
      case 'run': {
        const answer = await answerOrRefusal(sql, call, command);
        await storeAnswer(sql, owner, requestHash, answer);
        return { ...answer, replayed: false };
      }
    }
  });
  return { status: result.status, headers: result.headers, body: result.body, replayed: result.replayed, lsn };
}

type RenderedAnswer = Pick<SentAnswer, 'status' | 'headers' | 'body'>;

/** Undoes a refused command back to the savepoint `command`. */
async function answerOrRefusal(sql: Sql, call: CommandCall, command: Command): Promise<RenderedAnswer> {
  try {
    return rendered(await command(sql));
  } catch (error) {
    if (!(error instanceof PlatformError) || !storable(error)) throw error;
    await sql.run('rollback to savepoint command');
    const problem = problemOf(error, call.requestId);
    return { status: problem.status, headers: { 'content-type': PROBLEM_MEDIA_TYPE }, body: JSON.stringify(problem) };
  }
}

/** Refusals by the state of the shop. What is wrong with the request itself stays so, whoever repeats it. */
function storable(error: PlatformError): boolean {
  return errorPolicy[error.kind].disposition === 'reject' && error.kind !== 'validation-failed' && !isRetryable(error);
}

/** A deadlock's victim: the transaction is run again. */
function isRetryable(error: PlatformError): boolean {
  return (
    error.kind === 'conflict' &&
    error.cause instanceof Error &&
    /^40/.test((error.cause as { code?: string }).code ?? '')
  );
}

function rendered({ status, body, headers = {} }: CommandAnswer): RenderedAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}
