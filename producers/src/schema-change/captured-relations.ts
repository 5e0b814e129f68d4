import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { Relation } from '@millrace/schemas/cdc';
import type { RouteCatalog } from '../capture/route-catalog.ts';
import type { Route } from '../capture/routes.ts';
import { tableName } from '../resnapshot/index.ts';
import type { ParkCause, ParkedTables } from './parked-tables.ts';

/** A relation of a parked table: its changes are counted. When the table is resumed it gets its route. */
export class ParkedRelation {
  readonly table: string;
  readonly relation: Relation;
  /** Null while it is parked. */
  route: Route | null = null;

  constructor(table: string, relation: Relation) {
    this.table = table;
    this.relation = relation;
  }
}

/** What the stream's relations lead to; null: not captured. */
export type ResolvedRelation = Route | ParkedRelation | null;

/**
 * Decides for each relation that Postgres describes whether its rows are published. A schema that readers can follow is registered before its
 * first row; one that they can't, a key that is gone, or another name parks the table, and that is noted before its first row is left out.
 */
export class CapturedRelations {
  readonly #routes: RouteCatalog;
  readonly #parked: ParkedTables;
  readonly #parkedRelations = new Set<ParkedRelation>();
  /** Name under which a relation's id was captured last. */
  readonly #names = new Map<number, string>();

  constructor(routes: RouteCatalog, parked: ParkedTables) {
    this.#routes = routes;
    this.#parked = parked;
  }

  resolve(id: number, relation: Relation): ResolvedRelation | Promise<ResolvedRelation> {
    const name = tableName(relation);
    const before = this.#names.get(id);
    if (this.#parked.has(name)) {
      this.#names.set(id, name);
      return this.#parkedRelation(name, relation);
    }
    if (!this.#routes.captures(relation)) {
      if (before === undefined) return null;
      if (this.#parked.has(before)) return this.#parkedRelation(before, relation);
      return this.#park(before, 'missing', `it was renamed to ${name}`, relation);
    }
    this.#names.set(id, name);
    return (
      this.#routes.find(relation) ??
      this.#routes.add(relation).catch((error: unknown) => {
        const cause = parkCause(error);
        if (cause === null) throw error;
        return this.#park(name, cause, (error as PlatformError).message, relation);
      })
    );
  }

  /** The table's relations are published from here on. */
  async resume(table: string): Promise<void> {
    for (const parked of this.#parkedRelations) {
      if (parked.table !== table) continue;
      this.#parkedRelations.delete(parked);
      // Described as it was before it was mended: it is described anew before its next row.
      if (this.#routes.captures(parked.relation)) parked.route = await this.#routes.route(parked.relation);
    }
  }

  async #park(table: string, cause: ParkCause, reason: string, relation: Relation): Promise<ParkedRelation> {
    this.#routes.remove(table);
    await this.#parked.park(table, cause, reason);
    return this.#parkedRelation(table, relation);
  }

  #parkedRelation(table: string, relation: Relation): ParkedRelation {
    const parked = new ParkedRelation(table, relation);
    this.#parkedRelations.add(parked);
    return parked;
  }
}

/** Null where the error is not the table's. */
export function parkCause(error: unknown): ParkCause | null {
  if (isKind(error, 'schema-incompatible')) return 'schema';
  return isKind(error, 'table-not-capturable') ? 'key' : null;
}
