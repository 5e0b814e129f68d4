import { Linter } from 'eslint';
import { expect, test } from '@jest/globals';

interface Block {
  readonly files?: readonly string[];
  readonly rules?: Linter.RulesRecord;
}
const at = (path: string): string => new URL(`../../${path}`, import.meta.url).href;
const { deterministic } = (await import(at('eslint.determinism.js'))) as { deterministic: Required<Block> };

function complaints(code: string): number {
  const config = [
    { languageOptions: { ecmaVersion: 2022, sourceType: 'module' }, rules: deterministic.rules },
  ] as const;
  const messages = new Linter().verify(code, config as unknown as Linter.Config[]);
  expect(messages.filter(({ fatal }) => fatal)).toEqual([]);
  return messages.length;
}

test.each([
  'export const f = () => Date.now();',
  'export const f = () => new Date(0);',
  'export const f = () => Math.random();',
  'export const f = () => performance.now();',
  'export const f = () => process.hrtime();',
  'export const f = () => crypto.randomUUID();',
  'export const f = () => globalThis.Date;',
  'export const f = () => eval("1");',
  'export const f = () => new Function("return 1");',
  'export const f = () => new WeakRef({});',
  'export const f = (a) => a.localeCompare("b");',
  'export const f = (a) => a.toLocaleString();',
  'export const f = () => new Intl.NumberFormat();',
  'setTimeout(() => {}, 1);',
  'queueMicrotask(() => {});',
  'export const f = () => Promise.resolve();',
  'export async function f() {}',
  'await fetch("http://127.0.0.1");',
  'import fs from "node:fs";',
  'import fs from "fs";',
  'import pg from "pg";',
  'import { createKafkaLog } from "@millrace/kernel/log-kafka";',
  'import { environment } from "@millrace/kernel/config";',
  'import { createSchemaRegistry } from "@millrace/schemas/registry";',
  'import { ProcessingService } from "../service/service.ts";',
  'import { TestRoad } from "../../testing/index.ts";',
  'export * from "node:os";',
  'export { readFileSync } from "node:fs";',
  'export const f = () => import("./late.ts");',
  'export const f = () => import.meta.url;',
  'let last = 0; export const f = () => ++last;',
  'export let last = 0;',
  'const seen = new Map(); export const f = (a) => seen.set(a, a);',
])('a handler may not: %s', (code) => {
  expect(complaints(code)).toBeGreaterThan(0);
});

test.each([
  'import { defineProcessor } from "../../runtime/index.ts"; export const p = defineProcessor({});',
  'import { PlatformError } from "@millrace/kernel/errors"; export const f = () => { throw new PlatformError(); };',
  'import { UNCHANGED } from "@millrace/schemas/cdc"; export const f = (a) => a === UNCHANGED;',
  'import { day } from "../../fields/time.ts"; export const f = day;',
  'const known = new Set(["a", "b"]); export const f = (a) => known.has(a);',
  'export const f = (a) => { let sum = 0; for (const x of a) sum += x; return Math.floor(sum); };',
])('a handler may: %s', (code) => {
  expect(complaints(code)).toBe(0);
});

test('the rules stand over every folder that handlers are made of, and nothing later in the configuration takes them away', async () => {
  const { default: blocks } = (await import(at('eslint.config.js'))) as { default: readonly Block[] };
  const place = blocks.indexOf(deterministic);
  expect(place).toBeGreaterThan(0);
  expect(deterministic.files).toEqual([
    'stream-processors/src/processors/**/*.ts',
    'stream-processors/src/operators/**/*.ts',
    'stream-processors/src/fields/**/*.ts',
  ]);
  const later = blocks
    .slice(place + 1)
    .filter(({ files }) => files?.some((glob) => glob.startsWith('stream-')) ?? true);
  for (const rule of Object.keys(deterministic.rules)) {
    for (const { rules = {} } of later) expect(rules).not.toHaveProperty(rule);
  }
});
