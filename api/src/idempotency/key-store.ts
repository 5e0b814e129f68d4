import { createHash } from 'node:crypto';
import type { Sql } from '../database/database.ts';
import type { StoredAnswer } from './decision.ts';

/** One sender's key. Keys of different tenants and senders never meet. */
export interface KeyOwner {
  readonly tenantId: string;
  readonly scope: string;
  readonly key: string;
}

/** Takes the key until the transaction ends; false if another transaction has it. */
export async function lockKey(sql: Sql, owner: KeyOwner): Promise<boolean> {
  const row = await sql.first<{ locked: boolean }>('select pg_try_advisory_xact_lock($1) as locked', [lockId(owner)]);
  return row?.locked === true;
}

export async function storedAnswer(sql: Sql, owner: KeyOwner): Promise<StoredAnswer | undefined> {
  return sql.first<StoredAnswer>(
    `select request_hash as "requestHash", response_status as status, coalesce(response_headers, '{}') as headers,
            coalesce(response_body, '') as body, expires_at as "expiresAt"
     from commerce.idempotency_keys where tenant_id = $1 and scope = $2 and key = $3`,
    [owner.tenantId, owner.scope, owner.key],
  );
}

/** Stores the first answer in the command's own transaction, over an expired one if there is one. */
export async function storeAnswer(
  sql: Sql,
  owner: KeyOwner,
  hash: string,
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string },
): Promise<void> {
  await sql.run(
    `insert into commerce.idempotency_keys
       (tenant_id, scope, key, request_hash, response_status, response_headers, response_body)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict (tenant_id, scope, key) do update
       set request_hash = excluded.request_hash, response_status = excluded.response_status,
           response_headers = excluded.response_headers, response_body = excluded.response_body,
           expires_at = excluded.expires_at`,
    [owner.tenantId, owner.scope, owner.key, hash, answer.status, JSON.stringify(answer.headers), answer.body],
  );
}

/** Deletes keys past their time, a bounded number at once. */
export async function deleteExpired(sql: Sql): Promise<void> {
  await sql.run(
    `delete from commerce.idempotency_keys k using
       (select tenant_id, scope, key from commerce.idempotency_keys
        where expires_at < now() order by expires_at limit 5000 for update skip locked) due
     where k.tenant_id = due.tenant_id and k.scope = due.scope and k.key = due.key`,
  );
}

function lockId({ tenantId, scope, key }: KeyOwner): string {
  return createHash('sha256')
    .update(JSON.stringify(['idempotency', tenantId, scope, key]))
    .digest()
    .readBigInt64BE()
    .toString();
}
