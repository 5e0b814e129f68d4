import type { RecordView } from '@millrace/kernel/log';
import { deadLetterHeaders } from '@millrace/schemas/dead-letters';

/** A record in a dead-letter topic, without its value. Topics are without the deployment's prefix. */
export interface Letter {
  /** `<topic>/<partition>/<offset>` of the dead-letter topic. */
  readonly id: string;
  readonly key: string | null;
  /** Whose rows wait with it; null where the record says none. */
  readonly aggregate: string | null;
  /** A processor, or `sinks/<store>`. */
  readonly processor: string;
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: string };
  /** Why it is here; `parked`: only because an earlier one of its aggregate is. */
  readonly kind: string;
  readonly message: string;
  readonly position: string | null;
  readonly at: string;
}

/** The letter of a record; null for our own marks and for what is none. */
export function letterOf(topic: string, partition: number, prefix: string, record: RecordView): Letter | null {
  const headers = new Map((record.headers ?? []).map(([name, value]) => [name, value.toString('utf8')]));
  const origin = headers.get(deadLetterHeaders.topic);
  const processor = headers.get(deadLetterHeaders.processor);
  if (origin === undefined || processor === undefined) return null;
  const key = record.key?.toString('utf8') ?? null;
  return {
    id: `${withoutPrefix(topic, prefix)}/${partition}/${record.offset}`,
    key,
    aggregate: aggregateOf(key),
    processor,
    origin: {
      topic: withoutPrefix(origin, prefix),
      partition: Number(headers.get(deadLetterHeaders.partition)),
      offset: headers.get(deadLetterHeaders.offset) ?? '',
    },
    kind: headers.get(deadLetterHeaders.kind) ?? 'unknown',
    message: headers.get(deadLetterHeaders.message) ?? '',
    position: headers.get(deadLetterHeaders.position) ?? null,
    at: new Date(record.timestampMs).toISOString(),
  };
}

/** `<table>/<aggregate>[/…]`, `<kind>:<aggregate>[/…]`, or the aggregate alone where no row failed but what was made of several. */
function aggregateOf(key: string | null): string | null {
  if (key === null) return null;
  const from = key.search(/[/:]/) + 1;
  const [aggregate = ''] = key.slice(from).split('/');
  return aggregate === '' ? null : aggregate;
}

/** A topic as all deployments name it. */
export function withoutPrefix(topic: string, prefix: string): string {
  return topic.startsWith(prefix) ? topic.slice(prefix.length) : topic;
}
