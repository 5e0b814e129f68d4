import * as crypto from 'node:crypto';

/** Hexadecimal digits of a digest: 64 bits. That two texts of one document's history share them by chance is one in 10^19. */
export const DIGEST_LENGTH = 16;

/** Of a document's text: the beginning of its MD5, which Postgres and ClickHouse compute themselves. Nobody is kept out by it. */
export function digestOf(text: string): string {
  return md5(text).slice(0, DIGEST_LENGTH);
}

const { hash } = crypto as { hash?: (algorithm: string, data: string) => string };
/** Node has the quick form since 20.12. */
const md5 =
  hash === undefined
    ? (text: string): string => crypto.createHash('md5').update(text).digest('hex')
    : (text: string): string => hash('md5', text);
