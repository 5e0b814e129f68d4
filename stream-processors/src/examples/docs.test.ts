import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const examples = new URL('./', import.meta.url);
const pages = new URL('../../../docs/processing/', import.meta.url);

const names = readdirSync(examples)
  .filter((file) => file.endsWith('.test.ts') && file !== 'docs.test.ts')
  .map((file) => file.slice(0, -'.test.ts'.length));

/** As an author outside this workspace would import it. */
const published = (source: string): string =>
  source.replace(/'\.\.\/(\w+)\/index\.ts'/g, "'@millrace/stream-processors/$1'").trim();

test.each(names)('docs/processing/%s.md quotes the example that runs', (name) => {
  const page = readFileSync(new URL(`${name}.md`, pages), 'utf8');
  const quoted = /```ts\n([\s\S]*?)```/.exec(page)?.[1]?.trim();
  expect(quoted).toBe(published(readFileSync(new URL(`${name}.test.ts`, examples), 'utf8')));
});
