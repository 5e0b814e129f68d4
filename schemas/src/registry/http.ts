import { Agent } from 'node:http';
import confluent from '@kafkajs/confluent-schema-registry';
import { PlatformError } from '@millrace/kernel/errors';
import { retry, sleep } from '@millrace/kernel/retry';
import type { SchemaRegistry } from './registry.ts';
import { subjectOf } from './registry.ts';

/** Where Apicurio serves the Confluent interface; a Confluent registry serves it at the root. */
const APICURIO_PATH = '/apis/ccompat/v7';
/** What every registry answers at once, however much it holds; a list of its subjects takes seconds where they are many. */
const ANY = '/schemas/types';

/** A registry over HTTP, by the Confluent client. Finds out by itself whether the interface is at the root or at Apicurio's path. */
export async function createSchemaRegistry(url: string): Promise<SchemaRegistry> {
  const host = await interfaceUrl(url.replace(/\/$/, ''));
  const client = new confluent.SchemaRegistry({ host, agent: new Agent({ keepAlive: false }), retry: { retries: 5 } });
  const schemas = new Map<number, unknown>();
  return {
    async register(topic, schema) {
      const subject = subjectOf(topic, schema);
      const definition = { type: confluent.SchemaType.AVRO, schema: JSON.stringify(schema) } as const;
      try {
        return await retry(
          async () =>
            (await client.register(definition, { subject, compatibility: confluent.COMPATIBILITY.BACKWARD })).id,
          {
            attempts: 8,
            initialMs: 50,
            maxMs: 1_000,
            jitter: 1,
            retryable: isRace,
            sleep: (ms) => mendRule(host, subject, ms),
          },
        );
      } catch (error) {
        throw registrationError(error, subject);
      }
    },
    async schema(id) {
      const known = schemas.get(id);
      if (known !== undefined) return known;
      const response = await request(`${host}/schemas/ids/${id}`);
      if (response.status === 404) throw new PlatformError('schema-unknown', `the registry has no schema ${id}`);
      if (!response.ok) throw unreachable(host, `HTTP ${response.status}`);
      const { schema } = (await response.json()) as { schema: string };
      const parsed = JSON.parse(schema) as unknown;
      schemas.set(id, parsed);
      return parsed;
    },
  };
}

async function interfaceUrl(url: string): Promise<string> {
  if (await answers(url + ANY)) return url;
  if (await answers(url + APICURIO_PATH + ANY)) return url + APICURIO_PATH;
  throw new PlatformError('config-invalid', `SCHEMA_REGISTRY_URL ${url} answers, but not as a schema registry`);
}

/** An answer that nobody reads would keep its connection, and with it the process, alive. */
async function answers(url: string): Promise<boolean> {
  const response = await request(url);
  await response.body?.cancel();
  return response.ok;
}

/**
 * Longer than any answer takes, also where every core works off a backlog: a turn of the event loop takes up to a second then, and an answer some turns.
 * Without an end, one that accepts connections and closes them is asked for ever.
 */
const ANSWER_MS = 30_000;

async function request(url: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_MS) });
  } catch (error) {
    throw unreachable(url, error);
  }
}

function unreachable(url: string, cause: unknown): PlatformError {
  return new PlatformError('engine-unreachable', `the schema registry at ${url} does not answer`, { cause });
}

/**
 * Two processes that register the same new subject at once: one finds its rule half made. Registering is idempotent, so again is right.
 */
function isRace(error: unknown): boolean {
  return /COMPATIBILITY' already exists|does not match the configuration/i.test(messageOf(error));
}

/** A process that was killed between making a subject and its rule leaves it without one for good: set it, then wait as asked. */
async function mendRule(host: string, subject: string, ms: number): Promise<void> {
  await sleep(ms);
  const config = `${host}/config/${encodeURIComponent(subject)}`;
  const current = await request(config);
  const { compatibilityLevel } = current.ok ? ((await current.json()) as { compatibilityLevel?: string }) : {};
  if (compatibilityLevel !== undefined && compatibilityLevel !== 'NONE') return;
  await request(config, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ compatibility: 'BACKWARD' }),
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function registrationError(error: unknown, subject: string): PlatformError {
  const message = messageOf(error);
  if (/incompatible|409/i.test(message)) {
    return new PlatformError('schema-incompatible', `subject ${subject}: ${message}`, { cause: error });
  }
  return new PlatformError('engine-unreachable', `the schema registry refused subject ${subject}: ${message}`, {
    cause: error,
  });
}
