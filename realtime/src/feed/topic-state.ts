import { lsnText } from '@millrace/kernel/position';
import type { OrderView, ViewEntry } from '@millrace/schemas/views';
import { committedAtText, encode } from '../protocol/index.ts';
import type { TopicKind } from '../protocol/index.ts';

/** Whose an order is: decides who may read it. */
export interface OrderOwner {
  readonly tenantId: string;
  readonly customerId: string | null;
  readonly vendorIds: readonly string[];
}

/** One topic's state at a position, shared by every session that gets it: its messages are built once, when first asked for. */
export class TopicState {
  readonly topic: string;
  readonly kind: TopicKind;
  /** 20 digits. */
  readonly position: string;
  readonly tsUs: number;
  /** Null for topics that are public, and for orders whose data is gone or was never there. */
  readonly owner: OrderOwner | null;
  readonly #data: unknown;
  readonly #built: { snapshot?: string; update?: string } = {};

  constructor(kind: TopicKind, id: string, at: { lsn: bigint; tsUs: number }, data: unknown, owner: OrderOwner | null) {
    this.topic = `${kind}:${id}`;
    this.kind = kind;
    this.position = lsnText(at.lsn);
    this.tsUs = at.tsUs;
    this.owner = owner;
    this.#data = data;
  }

  get absent(): boolean {
    return this.#data === null;
  }

  message(type: 'snapshot' | 'update'): string {
    const built = this.#built[type] ?? this.#encode(type);
    this.#built[type] = built;
    return built;
  }

  #encode(type: 'snapshot' | 'update'): string {
    return encode.state(type, this.topic, this.position, committedAtText(this.tsUs), JSON.stringify(this.#data));
  }
}

/** `known` is the owner from before: a deleted order stays its owner's. */
export function stateOf(entry: ViewEntry, kind: TopicKind, known: OrderOwner | null): TopicState {
  return new TopicState(kind, entry.id, entry, entry.data, ownerOf(entry) ?? known);
}

export function ownerOf(entry: ViewEntry): OrderOwner | null {
  if (entry.kind !== 'order' || entry.data === null) return null;
  const { tenantId, customerId, items } = entry.data as OrderView;
  const vendorIds = new Set(items.flatMap(({ vendorId }) => (vendorId === null ? [] : [vendorId])));
  return { tenantId, customerId, vendorIds: [...vendorIds] };
}
