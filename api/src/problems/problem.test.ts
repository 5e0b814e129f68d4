import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { PlatformError, errorPolicy } from '@millrace/kernel/errors';
import type { ErrorKind } from '@millrace/kernel/errors';
import { fromPostgres, isTransient } from '../database/postgres-errors.ts';
import { problemOf } from './problem.ts';
import { HttpProblem, httpProblems, statusOfKind } from './statuses.ts';
import { fieldErrors } from './validation.ts';

const document = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');

describe('docs/errors.md', () => {
  test('gives each kind the HTTP status it has', () => {
    const rows = [...document.matchAll(/^\| `([a-z-]+)` +\| [a-z-]+ +\| (\d{3}) +\|/gm)];
    expect(Object.fromEntries(rows.map(([, kind, status]) => [kind, Number(status)]))).toEqual(statusOfKind);
  });

  test('lists the problems that only HTTP knows', () => {
    const rows = [...document.matchAll(/^\| `([a-z-]+)` +\| (\d{3}) +\| (.+?) +\|$/gm)];
    const documented = new Map(rows.map(([, kind, status, hint]) => [kind, { status: Number(status), hint }]));
    expect(documented).toEqual(new Map(Object.entries(httpProblems)));
  });
});

describe('a problem document', () => {
  test.each(Object.keys(errorPolicy) as ErrorKind[])('of %s has a stable type and its status', (kind) => {
    const problem = problemOf(new PlatformError(kind, 'why'), 'r1');
    expect(problem).toMatchObject({ type: `/problems/${kind}`, status: statusOfKind[kind], instance: 'r1' });
    expect(problem.detail === 'why').toBe(problem.status !== 500);
  });

  test('shows only the context that is meant for callers', () => {
    const context = { items: [{ productId: 'p' }], rows: 'secret' };
    const problem = problemOf(new PlatformError('insufficient-stock', 'why', { context }));
    expect(problem).toMatchObject({ title: 'Insufficient stock', items: [{ productId: 'p' }] });
    expect(problem).not.toHaveProperty('rows');
  });

  test('of something unknown is a 500 that says nothing', () => {
    expect(problemOf(new TypeError('x of undefined'))).toMatchObject({ type: '/problems/internal', status: 500 });
    expect(JSON.stringify(problemOf('odd'))).not.toContain('odd');
  });

  test('of HTTP’s own', () => {
    expect(problemOf(new HttpProblem('idempotency-in-flight', 'wait'))).toMatchObject({ status: 409, detail: 'wait' });
  });
});

describe('what Postgres refuses', () => {
  const server = (code: string, constraint?: string) => Object.assign(new Error('server says'), { code, constraint });
  test.each([
    [server('23505', 'products_sku_unique'), 'conflict'],
    [server('23503', 'orders_customer_id_fkey'), 'validation-failed'],
    [server('23514', 'some_check'), 'validation-failed'],
    [server('22003'), 'validation-failed'],
    [server('40P01'), 'conflict'],
    [server('57014'), 'store-unavailable'],
    [server('57P01'), 'engine-unreachable'],
    [server('08006'), 'engine-unreachable'],
    [server('ECONNREFUSED'), 'engine-unreachable'],
    [new Error('Connection terminated unexpectedly'), 'engine-unreachable'],
    [server('42P01'), 'internal'],
    [new Error('anything else'), 'internal'],
  ] as const)('%o is %s', (error, kind) => {
    expect(fromPostgres(error).kind).toBe(kind);
  });

  test('names the field where the constraint tells it', () => {
    expect(fromPostgres(server('23503', 'orders_customer_id_fkey')).context).toEqual({
      errors: [{ field: 'customerId', message: 'names no customer' }],
    });
  });

  test('only deadlocks and serialization failures are run again', () => {
    expect(isTransient(fromPostgres(server('40P01')))).toBe(true);
    expect(isTransient(fromPostgres(server('40001')))).toBe(true);
    expect(isTransient(fromPostgres(server('23505')))).toBe(false);
  });
});

test('a field is named once, with the most exact path, wherever it is', () => {
  const issue = (instancePath: string, keyword = 'type', params = {}) => ({
    keyword,
    instancePath,
    params,
    message: 'm',
  });
  const validation = [issue('/a'), issue('/a/0/b'), issue('', 'anyOf'), issue('/c~1d')];
  expect(fieldErrors({ validation }).map(({ field }) => field)).toEqual(['a.0.b', 'c/d']);
  const required = issue('', 'required', { requiredProperties: ['q'] });
  expect(fieldErrors({ validation: [required], validationContext: 'querystring' })).toEqual([
    { field: 'query.q', message: 'is required' },
  ]);
});
