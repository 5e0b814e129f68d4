import { PlatformError } from '@millrace/kernel/errors';
import type { InputSpec, StoreSpec } from '../runtime/processor.ts';
import { keyedStore } from '../runtime/processor.ts';
import type { Node, Running } from './node.ts';
import type { Place } from './place.ts';

/** One drawn box: what the operators are and what they follow. */
export interface Drawn {
  readonly id: number;
  readonly label: string;
  readonly from: readonly number[];
  /** The topic it reads or writes, where it does. */
  readonly topic?: string;
}

type Start<T> = (place: Place, from: readonly Running<never>[], stores: (name: string) => string) => Running<T>;

export interface NodeOptions<T> {
  readonly label: string;
  readonly from?: readonly Node<never>[];
  readonly insertOnly?: boolean;
  readonly lasting?: boolean;
  readonly stores?: Readonly<Record<string, StoreSpec>>;
  readonly start: Start<T>;
}

/** What a table, events or view source reads. */
export interface PlannedSource {
  readonly node: Node<unknown>;
  readonly input: InputSpec;
  /** Tables by `<topic>/<table>`, views by kind. */
  readonly name: string;
}

/** An outlet into the processor's view. */
export interface PlannedSink {
  readonly node: Node<unknown>;
  readonly kind: string;
  readonly make: (value: unknown, key: string) => unknown;
}

/** What an author's function has laid out: operators in order, sources, outlets. */
export class Plan {
  readonly nodes: Node<unknown>[] = [];
  readonly sources: PlannedSource[] = [];
  readonly sinks: PlannedSink[] = [];

  add<T>({ label, from = [], insertOnly = false, lasting = !insertOnly, stores = {}, start }: NodeOptions<T>): Node<T> {
    const id = this.nodes.length;
    const named = (name: string): string => `${id}.${name}`;
    const node: Node<T> = {
      id,
      label,
      from,
      insertOnly,
      lasting,
      stores: Object.fromEntries(Object.entries(stores).map(([name, spec]) => [named(name), spec])),
      start: (place, running) => start(place, running, named),
    };
    this.nodes.push(node);
    return node;
  }

  source<T>(name: string, input: InputSpec, options: NodeOptions<T>): Node<T> {
    if (this.sources.some((source) => source.name === name)) {
      throw new PlatformError('config-invalid', `${name} is read twice in one pipeline: read it once and use it twice`);
    }
    const node = this.add(options);
    this.sources.push({ node, input, name });
    return node;
  }

  /** Operators and their order, as one number of 15 bits: state laid out by another plan does not fit this one. */
  fingerprint(): number {
    let hash = 0x811c9dc5;
    for (const { label, from, stores } of this.nodes) {
      const text = `${label}<${from.map(({ id }) => id).join(',')}>${Object.keys(stores).join(',')};`;
      for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
    }
    return (hash >>> 8) & 0x7fff;
  }

  drawing(): Drawn[] {
    const topics = new Map(this.sources.map(({ node, input }) => [node.id, input.topic]));
    return this.nodes.map(({ id, label, from }) => {
      const topic = topics.get(id);
      return { id, label, from: from.map((node) => node.id), ...(topic === undefined ? {} : { topic }) };
    });
  }
}

export const plainStore: StoreSpec = keyedStore();
