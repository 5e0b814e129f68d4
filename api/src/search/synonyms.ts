import { PlatformError } from '@millrace/kernel/errors';

/** A search is tried in at most this many other wordings. */
const MOST_ALTERNATIVES = 12;

type Words = readonly string[];

interface Rule {
  readonly words: Words;
  readonly instead: readonly Words[];
}

/** Other wordings of searches. Words compare without case, accents and plural endings. */
export class Synonyms {
  /** By first word; the longest first. */
  readonly #rules = new Map<string, Rule[]>();

  constructor(rules: readonly Rule[]) {
    for (const rule of rules) {
      const [first = ''] = rule.words.map(singular);
      this.#rules.set(first, [...(this.#rules.get(first) ?? []), rule]);
    }
    for (const of of this.#rules.values()) of.sort((a, b) => b.words.length - a.words.length);
  }

  /** The text with some of its words replaced by synonyms, at most twelve; none where it has no word with synonyms. */
  alternatives(text: string): string[] {
    const words = wordsIn(text);
    let wordings: string[][] = [[]];
    for (let at = 0; at < words.length;) {
      const rules = this.#at(words, at);
      const length = rules[0]?.words.length ?? 1;
      const choices: Words[] = [words.slice(at, at + length), ...rules.flatMap(({ instead }) => instead)];
      wordings = choices
        .flatMap((choice) => wordings.map((wording) => [...wording, ...choice]))
        .slice(0, MOST_ALTERNATIVES + 1);
      at += length;
    }
    // The first is the text itself.
    return [...new Set(wordings.slice(1).map((wording) => wording.join(' ')))];
  }

  /** The rules of the longest words with synonyms that begin here. */
  #at(words: Words, at: number): Rule[] {
    const here = (this.#rules.get(singular(words[at] ?? '')) ?? []).filter(({ words: wanted }) =>
      wanted.every((word, n) => singular(word) === singular(words[at + n] ?? '')),
    );
    return here.filter(({ words: wanted }) => wanted.length === here[0]?.words.length);
  }
}

/**
 * Synonyms out of a text as search servers read it, a rule in each line: `sofa, couch, settee` says that each finds the others, `tablet => ipad, galaxy tab` that
 * what is on the left also finds what is on the right. `#` begins a comment. Unlike there, the left side of `=>` still finds itself.
 * @throws PlatformError `config-invalid` with the line.
 */
export function parseSynonyms(text: string): Synonyms {
  return new Synonyms(text.split(/\r?\n/).flatMap((line, index) => rulesIn(line.replace(/#.*/, '').trim(), index + 1)));
}

function rulesIn(line: string, number: number): Rule[] {
  if (line === '') return [];
  const sides = line.split('=>').map((side) => side.split(',').map(wordsIn));
  const [left = [], right] = sides;
  const isWhole = sides.flat().every((words) => words.length > 0);
  if (!isWhole || sides.length > 2 || (right === undefined && left.length < 2)) {
    throw new PlatformError(
      'config-invalid',
      `line ${number} is no rule of synonyms: write \`sofa, couch\` or \`tablet => ipad\`, each side with words between commas`,
    );
  }
  if (right !== undefined) return left.map((words) => ({ words, instead: right }));
  return left.map((words, at) => ({ words, instead: left.filter((_, other) => other !== at) }));
}

function wordsIn(text: string): string[] {
  const folded = text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return folded.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
}

/** Only to compare words of a search with those of a rule: what is searched for is left to the server's own endings. */
function singular(word: string): string {
  if (word.length < 4 || !word.endsWith('s') || /[us]s$/.test(word)) return word;
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  return word.replace(/(?<=ch|sh|x|z|s)es$|s$/, '');
}
