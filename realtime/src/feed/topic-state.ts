import { lsnText } from '@millrace/kernel/position';
import type { CartView, OrderView, ViewEntry } from '@millrace/schemas/views';
import { committedAtText, encode } from '../protocol/index.ts';
import type { TopicKind } from '../protocol/index.ts';

/** Whose an order or a cart is: decides who may read it. */
export interface TopicOwner {
  readonly tenantId: string;
  readonly customerId: string | null;
  /** With a line in the order; nobody's, of a cart. */
  readonly vendorIds: readonly string[];
}

/** One topic's state at a position, shared by every session that gets it: its messages are built once, when first asked for. */
export class TopicState {
  readonly topic: string;
  readonly kind: TopicKind;
  /** 20 digits. */
  readonly position: string;
  readonly tsUs: number;
  /** Null for topics that are public, and for orders and carts whose data is gone or was never there. */
  readonly owner: TopicOwner | null;
  readonly #data: unknown;
  readonly #built: { snapshot?: string; update?: string } = {};

  constructor(kind: TopicKind, id: string, at: { lsn: bigint; tsUs: number }, data: unknown, owner: TopicOwner | null) {
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

/** `known` is the owner from before: a deleted order or cart stays its owner's. */
export function stateOf(entry: ViewEntry, kind: TopicKind, known: TopicOwner | null): TopicState {
  return new TopicState(kind, entry.id, entry, entry.data, ownerOf(entry) ?? known);
}

export function ownerOf(entry: ViewEntry): TopicOwner | null {
  if (entry.data === null) return null;
  if (entry.kind === 'cart') {
    const { tenantId, customerId } = entry.data as CartView;
    return { tenantId, customerId, vendorIds: [] };
  }
  if (entry.kind !== 'order') return null;
  const { tenantId, customerId, items } = entry.data as OrderView;
  const vendorIds = new Set(items.flatMap(({ vendorId }) => (vendorId === null ? [] : [vendorId])));
  return { tenantId, customerId, vendorIds: [...vendorIds] };
}
