import { ClickHouseError, createClient } from '@clickhouse/client';
import type { ClickHouseClient } from '@clickhouse/client';
import { PlatformError } from '@millrace/kernel/errors';

/** Codes that waiting mends: timeouts, too many queries or parts, no memory or space for now, network, read-only for now, aborted. */
const passingCodes = new Set([
  '159',
  '202',
  '203',
  '209',
  '210',
  '236',
  '241',
  '242',
  '243',
  '252',
  '319',
  '394',
  '999',
]);

export function createClickhouse(url: string, requestTimeoutMs = 60_000): ClickHouseClient {
  return createClient({
    url,
    request_timeout: requestTimeoutMs,
    max_open_connections: 4,
    keep_alive: { enabled: true, idle_socket_ttl: 2_000 },
    // The client logs each failed request itself, with row values in reach; ours is the one line that counts.
    log: { level: 127 },
  });
}

/** `store-rejected` for an error that the server states and that stays, else `store-unavailable`. The server's text may quote values: not told. */
export function clickhouseError(error: unknown, step: string): PlatformError {
  if (error instanceof PlatformError) return error;
  if (error instanceof ClickHouseError && !passingCodes.has(error.code)) {
    const type = error.type === undefined ? '' : ` ${error.type}`;
    return new PlatformError('store-rejected', `clickhouse: ${step} failed: code ${error.code}${type}`, {
      cause: error,
    });
  }
  const detail = error instanceof ClickHouseError ? `code ${error.code}` : error instanceof Error ? error.message : '';
  return new PlatformError('store-unavailable', `clickhouse: ${step} failed: ${detail.slice(0, 120)}`, {
    cause: error,
  });
}
