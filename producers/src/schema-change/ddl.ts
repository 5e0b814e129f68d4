import { z } from '@millrace/kernel/config';
import { lsnText } from '@millrace/kernel/position';
import type { Lsn } from '@millrace/kernel/position';
import type { Logger } from '@millrace/kernel/telemetry';

/** A command that changed the source's schema, where the event trigger told of it. */
export interface DdlMark {
  readonly tag: string;
  readonly object: string;
  readonly position: string;
  readonly committedAt: string;
}

const PREFIX = 'millrace.ddl';
const KEPT = 20;
const contentSchema = z.object({ tag: z.string(), object: z.string() });

/** Keeps the newest changes of the schema, each with its position in the stream, and logs them. */
export class DdlMarks {
  readonly #logger: Logger;
  readonly #marks: DdlMark[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Oldest first. */
  get newest(): readonly DdlMark[] {
    return this.#marks;
  }

  take(prefix: string, content: Buffer, commit: { readonly lsn: Lsn; readonly tsUs: number } | null): void {
    if (prefix !== PREFIX || commit === null) return;
    const checked = contentSchema.safeParse(parsed(content));
    if (!checked.success) return;
    const mark = {
      ...checked.data,
      position: lsnText(commit.lsn),
      committedAt: new Date(commit.tsUs / 1000).toISOString(),
    };
    this.#marks.push(mark);
    if (this.#marks.length > KEPT) this.#marks.shift();
    this.#logger.info(mark, `schema change: ${mark.tag} ${mark.object}`);
  }
}

/** Anyone may write a message with our prefix. */
function parsed(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString()) as unknown;
  } catch {
    return null;
  }
}
