import { describe, expect, test } from '@jest/globals';
import {
  answerFormat,
  isSelect,
  isStreamable,
  literal,
  plainName,
  rawInsertOf,
  readRequest,
  statusOf,
} from './protocol.ts';

const read = (search: string) => readRequest(new URL(`http://h/?${search}`), {});

describe('the URL', () => {
  test('keys that are not the interface’s own are settings', () => {
    const statement = read('query=SELECT+1&database=d&query_id=q&max_threads=2&async_insert=1&wait_end_of_query=1');
    expect(statement).toEqual({
      text: 'SELECT 1',
      database: 'd',
      defaultFormat: 'TabSeparated',
      queryId: 'q',
      settings: [
        ['max_threads', '2'],
        ['async_insert', '1'],
      ],
      parameters: [],
      wholeAnswer: true,
    });
  });

  test('param_ keys are parameters, escaped as they came', () => {
    expect(read('param_a=x%5Cty&param_n=%5CN').parameters).toEqual([
      ['a', 'x\\ty'],
      ['n', '\\N'],
    ]);
  });
});

describe('inserts that take bytes', () => {
  test('with qualified and quoted names, columns, and rows behind FORMAT', () => {
    expect(rawInsertOf('INSERT INTO t FORMAT JSONEachRow')).toEqual({
      table: 't',
      columns: undefined,
      format: 'JSONEachRow',
      inlineRows: '',
    });
    expect(rawInsertOf('insert into `d`.`t` (`a`, b) FORMAT CSV\n1,2')).toEqual({
      table: 'd.t',
      columns: ['a', 'b'],
      format: 'CSV',
      inlineRows: '1,2',
    });
  });

  test('are told from all other statements', () => {
    expect(rawInsertOf('INSERT INTO t VALUES (1)')).toBeUndefined();
    expect(rawInsertOf('INSERT INTO t SELECT 1')).toBeUndefined();
    expect(rawInsertOf('INSERT INTO t FORMAT Native')).toBeUndefined();
    expect(rawInsertOf('SELECT 1 FORMAT JSONEachRow')).toBeUndefined();
  });
});

describe('answers', () => {
  test('the FORMAT clause wins over the default', () => {
    expect(answerFormat('SELECT 1 FORMAT JSON', 'CSV')).toBe('JSON');
    expect(answerFormat('SELECT 1\nFORMAT JSONEachRow SETTINGS max_threads=1;', 'CSV')).toBe('JSONEachRow');
    expect(answerFormat("SELECT 'FORMAT x' AS a", 'CSV')).toBe('CSV');
  });

  test('only formats without frame are sent block by block', () => {
    expect(isStreamable('JSONEachRow')).toBe(true);
    for (const framed of ['JSON', 'JSONCompact', 'CSVWithNames', 'TabSeparatedWithNames', 'Parquet'])
      expect(isStreamable(framed)).toBe(false);
  });

  test('a select is one behind comments and brackets too', () => {
    expect(isSelect('-- why\n  (SELECT 1)')).toBe(true);
    expect(isSelect('/* a */ WITH 1 AS x SELECT x')).toBe(true);
    expect(isSelect('SHOW TABLES')).toBe(false);
  });

  test('errors of the asker are 400 or 404, others 500', () => {
    expect([62, 60, 81, 241].map(statusOf)).toEqual([400, 404, 404, 500]);
  });
});

test('text cannot leave its literal, and names cannot be SQL', () => {
  expect(literal("a'b\\c")).toBe("'a\\'b\\\\c'");
  expect(() => plainName('x = 1, y')).toThrow(RangeError);
});
