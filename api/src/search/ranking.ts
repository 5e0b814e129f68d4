import { searchFields as fields } from '@millrace/schemas/stores';
import type { Json } from './json.ts';

/**
 * What the score of the words is multiplied by:
 *
 * | part         | adds                                          |
 * | ------------ | --------------------------------------------- |
 * | every product | 0.5                                          |
 * | in stock     | 0.5                                           |
 * | popularity   | 0.25 × log10(1 + units sold a day)            |
 * | rating       | 0.1 × its smoothed rating (3.5 without reviews) |
 *
 * So a product that sells ten a day, is in stock and well liked comes before one whose words fit as well, and one that fits much better stays before both. All
 * parts are the server's own functions: no scripts, which many servers forbid.
 */
const parts: readonly Json[] = [
  { weight: 0.5 },
  { filter: { term: { [fields.inStock]: true } }, weight: 0.5 },
  { field_value_factor: { field: fields.popularity, factor: 0.01, modifier: 'log1p', missing: 0 }, weight: 0.25 },
  { field_value_factor: { field: fields.ratingScore, factor: 0.01, missing: 350 }, weight: 0.1 },
];
const MOST = 3;

/** Ranks what `query` finds by availability, popularity and rating too. */
export function ranked(query: Json): Json {
  return {
    function_score: { query, functions: parts, score_mode: 'sum', boost_mode: 'multiply', max_boost: MOST },
  };
}
