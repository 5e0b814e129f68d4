import { PlatformError } from '@millrace/kernel/errors';
import { lsnFromPostgres } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type pg from 'pg';

/** Which server this is: a cluster (kept by its standbys and base backups), and the line of history it writes. */
export interface SourceSystem {
  readonly systemId: string;
  /** Grows by one at each promotion. */
  readonly timeline: number;
  /** The timelines it came from, oldest first, each with the LSN at which it was left. */
  readonly ancestors: readonly { readonly timeline: number; readonly leftAt: Lsn }[];
}

/** Asks on a replication connection. */
export async function identifySystem(replication: pg.Client): Promise<SourceSystem> {
  const { rows } = await replication.query<{ systemid: string; timeline: string | number }>('IDENTIFY_SYSTEM');
  const row = rows[0];
  if (row === undefined) throw new PlatformError('replication-protocol', 'IDENTIFY_SYSTEM answered nothing');
  const timeline = Number(row.timeline);
  const ancestors = timeline === 1 ? [] : ancestorsOf(await historyFile(replication, timeline));
  return { systemId: row.systemid, timeline, ancestors };
}

async function historyFile(replication: pg.Client, timeline: number): Promise<string> {
  const { rows } = await replication.query<{ content: Buffer | string }>(`TIMELINE_HISTORY ${timeline}`);
  return rows[0]?.content.toString() ?? '';
}

/** Lines of a timeline's history file: `<parent> <switch point> <reason>`, `#` begins a remark. */
export function ancestorsOf(history: string): SourceSystem['ancestors'] {
  return history.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line);
    return match === null ? [] : [{ timeline: Number(match[1]), leftAt: lsnFromPostgres(match[2] ?? '') }];
  });
}
