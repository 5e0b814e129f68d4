import { createTestDatabase } from '@millrace/database/testing';
import pg from 'pg';
import { PUBLISHED_COLUMNS_QUERY, relationsOf } from '../../cdc/index.ts';
import type { PublishedColumn, Relation } from '../../cdc/index.ts';

/** The captured tables of a database that all migrations have run on. */
export async function migratedRelations(): Promise<Relation[]> {
  const database = await createTestDatabase();
  try {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    try {
      return relationsOf((await client.query<PublishedColumn>(PUBLISHED_COLUMNS_QUERY, ['millrace'])).rows);
    } finally {
      await client.end();
    }
  } finally {
    await database.drop();
  }
}
