import { withConnection } from '@millrace/database/connection';
import type { RedriveReport } from './redrive.ts';

/** Writes who did what into the audit log: a row for each aggregate, without row values. */
export async function auditRedrives(
  databaseUrl: string,
  action: 'dlq.redrive' | 'dlq.drop',
  reports: readonly RedriveReport[],
): Promise<void> {
  await withConnection(databaseUrl, (client) =>
    client.query(
      `insert into commerce.audit_log (actor, action, entity_type, entity_id, detail)
       select 'operator', $1, 'aggregate', r ->> 'aggregate', r - 'error' from jsonb_array_elements($2::jsonb) r`,
      [action, JSON.stringify(reports)],
    ),
  );
}
