/** ClickHouse's HTTP interface, the parts that are pure: what a request asks for, and how an answer is labelled. */

/** Keys of the URL that belong to the interface itself; every other one is a setting of the statement. */
const ownKeys = new Set(
  (
    'query database default_format user password query_id session_id session_timeout session_check close_session compress ' +
    'decompress quota_key role buffer_size wait_end_of_query stacktrace client_protocol_version'
  ).split(' '),
);

/** One statement as asked for. */
export interface Statement {
  readonly text: string;
  readonly database: string;
  readonly defaultFormat: string;
  readonly queryId: string | undefined;
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Values as the interface carries them: escaped like TabSeparated, `\N` for null. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly wholeAnswer: boolean;
}

/** Reads everything but the body out of the URL and the headers that may stand for URL keys. */
export function readRequest(url: URL, headers: Readonly<Record<string, string | string[] | undefined>>): Statement {
  const header = (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const settings: [string, string][] = [];
  const parameters: [string, string][] = [];
  for (const [key, value] of url.searchParams) {
    if (key.startsWith('param_')) parameters.push([key.slice('param_'.length), value]);
    else if (!ownKeys.has(key)) settings.push([key, value]);
  }
  const get = (key: string): string | undefined => url.searchParams.get(key) ?? undefined;
  return {
    text: get('query') ?? '',
    database: get('database') ?? header('x-clickhouse-database') ?? 'default',
    defaultFormat: get('default_format') ?? header('x-clickhouse-format') ?? 'TabSeparated',
    queryId: get('query_id'),
    settings,
    parameters,
    wholeAnswer: get('wait_end_of_query') === '1',
  };
}

/** A string as a literal of ClickHouse's SQL. */
export function literal(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

const namePattern = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @throws RangeError for a name that is not a plain identifier (it would become SQL). */
export function plainName(name: string): string {
  if (!namePattern.test(name)) throw new RangeError(`"${name}" is not a name`);
  return name;
}

/** A database name as quoted SQL. */
export function quoted(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}

/** An INSERT whose rows come as bytes. */
export interface RawInsert {
  readonly table: string;
  readonly columns: readonly string[] | undefined;
  readonly format: RawFormat;
  /** Rows that already stand behind FORMAT in the statement's text. */
  readonly inlineRows: string;
}

export const rawFormats = [
  'JSONEachRow',
  'JSONCompactEachRow',
  'CSV',
  'CSVWithNames',
  'TSV',
  'TabSeparated',
  'TSVWithNames',
  'TabSeparatedWithNames',
] as const;
export type RawFormat = (typeof rawFormats)[number];

const identifier = '(?:`[^`]+`|"[^"]+"|[A-Za-z_][A-Za-z0-9_]*)';
const insertPattern = new RegExp(
  `^\\s*INSERT\\s+INTO\\s+(?:TABLE\\s+)?(${identifier}(?:\\s*\\.\\s*${identifier})?)\\s*(?:\\(([^()]*)\\))?\\s*FORMAT\\s+([A-Za-z]+)[ \\t]*(?:\\r?\\n|;|$)?`,
  'i',
);

/** Recognises an INSERT that can take its rows as bytes; undefined for every other statement. */
export function rawInsertOf(text: string): RawInsert | undefined {
  const match = insertPattern.exec(text);
  const format = rawFormats.find((name) => name === match?.[3]);
  if (match?.[1] === undefined || format === undefined) return undefined;
  const columns = match[2]
    ?.split(',')
    .map(unquote)
    .filter((column) => column !== '');
  const table = match[1].split('.').map(unquote).join('.');
  return {
    table,
    columns: columns === undefined || columns.length === 0 ? undefined : columns,
    format,
    inlineRows: text.slice(match[0].length).trimStart(),
  };
}

function unquote(name: string): string {
  return name.trim().replace(/^([`"])(.*)\1$/s, '$2');
}

/** The format an answer will have: the statement's FORMAT clause, else the request's default. */
export function answerFormat(text: string, defaultFormat: string): string {
  return /\bFORMAT\s+([A-Za-z0-9]+)\s*(?:SETTINGS\s[^;]*)?;?\s*$/i.exec(text)?.[1] ?? defaultFormat;
}

const rowFormats = new Set(
  'JSONEachRow JSONCompactEachRow JSONStringsEachRow JSONCompactStringsEachRow TabSeparated TSV TabSeparatedRaw TSVRaw CSV RowBinary LineAsString RawBLOB'.split(
    ' ',
  ),
);

/** Whether an answer in this format may be sent block by block: nothing stands before, between or after its rows. */
export function isStreamable(format: string): boolean {
  return rowFormats.has(format);
}

/** Whether a statement gives rows back that are worth streaming. */
export function isSelect(text: string): boolean {
  return (
    /^\s*(?:--[^\n]*\n\s*|\/\*.*?\*\/\s*)*\(?\s*(?:SELECT|WITH)\b/is.test(text) && !/\bINTO\s+OUTFILE\b/i.test(text)
  );
}

export function contentTypeOf(format: string): string {
  if (/^JSON.*EachRow/.test(format)) return 'application/x-ndjson; charset=UTF-8';
  if (format.startsWith('JSON')) return 'application/json; charset=UTF-8';
  if (format.startsWith('CSV')) return 'text/csv; charset=UTF-8; header=absent';
  if (format.startsWith('TabSeparated') || format.startsWith('TSV')) return 'text/tab-separated-values; charset=UTF-8';
  if (/^(RowBinary|Native|Parquet|Arrow|RawBLOB)/.test(format)) return 'application/octet-stream';
  return 'text/plain; charset=UTF-8';
}

const missing = new Set([36, 60, 81, 16, 46, 47]);
const malformed = new Set([62, 6, 26, 27, 38, 41, 42, 43, 53, 70, 72, 117, 456, 457]);

/** HTTP status for an error code of ClickHouse. */
export function statusOf(code: number): number {
  if (missing.has(code)) return 404;
  return malformed.has(code) ? 400 : 500;
}

/** What `X-ClickHouse-Summary` tells; numbers travel as text. */
export interface Summary {
  readonly readRows?: number;
  readonly readBytes?: number;
  readonly writtenRows?: number;
  readonly writtenBytes?: number;
  readonly resultRows?: number;
  readonly resultBytes?: number;
  readonly elapsedMs: number;
}

export function summaryText(summary: Summary): string {
  return JSON.stringify({
    read_rows: String(summary.readRows ?? 0),
    read_bytes: String(summary.readBytes ?? 0),
    written_rows: String(summary.writtenRows ?? 0),
    written_bytes: String(summary.writtenBytes ?? 0),
    total_rows_to_read: '0',
    result_rows: String(summary.resultRows ?? summary.writtenRows ?? 0),
    result_bytes: String(summary.resultBytes ?? 0),
    elapsed_ns: String(Math.round(summary.elapsedMs * 1e6)),
  });
}
