import { searchFields as fields } from '@millrace/schemas/stores';
import type { Json } from './json.ts';

/** Where the words of a search may be; a word of the name counts most. */
const wordFields = [`${fields.name}^4`, fields.words, fields.description];
/** A mistyped word's ending is no ending that a stemmer knows, so it is also looked for among words that keep theirs. */
const typedFields = [...wordFields, `${fields.namePlain}^4`, fields.wordsPlain];
/** Up to two words all have to be there, of more words three quarters. */
const MOST_WORDS = '2<75%';
/** A synonym counts a little less than the word itself. */
const SYNONYM_BOOST = 0.8;

/**
 * Products whose words are those of `text`, or of one of `alternatives`: the same text with synonyms in it. Words of the text itself may be mistyped, one letter from
 * 3 on, two from 6 on, though not the first; a right one counts more. A SKU, of the product or of a variant, comes before all.
 */
export function matching(text: string, alternatives: readonly string[]): Json {
  const words = (query: string, more: Json): Json => ({
    multi_match: { query, fields: wordFields, minimum_should_match: MOST_WORDS, ...more },
  });
  return {
    bool: {
      minimum_should_match: 1,
      should: [
        {
          dis_max: {
            queries: [
              words(text, { fields: typedFields, fuzziness: 'AUTO', prefix_length: 1 }),
              ...alternatives.map((alternative) => words(alternative, { boost: SYNONYM_BOOST })),
            ],
          },
        },
        { match: { [fields.name]: { query: text, operator: 'and', boost: 4 } } },
        { match: { [fields.namePrefix]: { query: text, operator: 'and', boost: 2 } } },
        { term: { [fields.sku]: { value: text, boost: 20 } } },
        { term: { [fields.variantSkus]: { value: text, boost: 10 } } },
        { term: { [fields.tagValue]: { value: text, boost: 3 } } },
        { term: { [fields.vendor]: { value: text, boost: 3 } } },
      ],
    },
  };
}

/** Names that begin as the words typed so far; where a letter is wrong too, after those where none is. */
export function beginning(text: string): Json {
  const named = (more: Json): Json => ({ match: { [fields.namePrefix]: { query: text, operator: 'and', ...more } } });
  return {
    bool: {
      minimum_should_match: 1,
      should: [named({ boost: 10 }), named({ fuzziness: 'AUTO:4,8', prefix_length: 1 })],
    },
  };
}
