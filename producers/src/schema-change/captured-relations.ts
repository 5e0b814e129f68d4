import { PlatformError, isKind } from '@millrace/kernel/errors';
import type { Lsn } from '@millrace/kernel/position';
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
  /** The table is resumed and has another shape since: Postgres describes it before its next row. */
  isOutdated = false;

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
 * What is sent again after a restart is decided as it was the first time.
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

  /** @param lsn of the commit that it is described in. */
  resolve(id: number, relation: Relation, lsn: Lsn): ResolvedRelation | Promise<ResolvedRelation> {
    const name = tableName(relation);
    const isCaptured = this.#routes.captures(relation);
    const table = isCaptured || this.#parked.has(name) ? name : this.#names.get(id);
    if (table === undefined) return null;
    this.#names.set(id, table);
    switch (this.#parked.phase(table, lsn)) {
      case 'held':
        return this.#parkedRelation(table, relation);
      case 'before':
        if (!isCaptured) return this.#parkedRelation(table, relation);
        return this.#routes.add(relation, this.#parked.generationBefore(table)).catch((error: unknown) => {
          if (parkCause(error) === null) throw error;
          return this.#parkedRelation(table, relation);
        });
      case 'now':
        if (!isCaptured) return this.#park(table, 'missing', `it was renamed to ${name}`, relation, lsn);
        return this.#routes.find(relation) ?? this.#register(relation, lsn);
    }
  }

  /** The table's relations are published from here on. */
  async resume(table: string): Promise<void> {
    for (const parked of this.#parkedRelations) {
      if (parked.table !== table) continue;
      this.#parkedRelations.delete(parked);
      parked.route = await this.#routeNow(parked.relation);
      parked.isOutdated = parked.route === null;
    }
  }

  /** Null where it is described as it was before it was mended. */
  async #routeNow(relation: Relation): Promise<Route | null> {
    if (!this.#routes.captures(relation)) return null;
    try {
      return await this.#routes.route(relation);
    } catch (error) {
      if (parkCause(error) === null) throw error;
      return null;
    }
  }

  async #register(relation: Relation, lsn: Lsn): Promise<ResolvedRelation> {
    try {
      return await this.#routes.add(relation);
    } catch (error) {
      const cause = parkCause(error);
      if (cause === null) throw error;
      return this.#park(tableName(relation), cause, (error as PlatformError).message, relation, lsn);
    }
  }

  async #park(table: string, cause: ParkCause, reason: string, relation: Relation, lsn: Lsn): Promise<ParkedRelation> {
    await this.#parked.park(table, cause, reason, { lsn, generation: this.#routes.generation(table) });
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
