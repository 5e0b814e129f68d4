import confluent from '@kafkajs/confluent-schema-registry';
import { PlatformError } from '@millrace/kernel/errors';
import type { SchemaRegistry } from './registry.ts';
import { subjectOf } from './registry.ts';

/** Where Apicurio serves the Confluent interface; a Confluent registry serves it at the root. */
const APICURIO_PATH = '/apis/ccompat/v7';

/** A registry over HTTP, by the Confluent client. Finds out by itself whether the interface is at the root or at Apicurio's path. */
export async function createSchemaRegistry(url: string): Promise<SchemaRegistry> {
  const host = await interfaceUrl(url.replace(/\/$/, ''));
  const client = new confluent.SchemaRegistry({ host, retry: { retries: 5 } });
  const schemas = new Map<number, unknown>();
  return {
    async register(topic, schema) {
      const subject = subjectOf(topic, schema);
      try {
        const { id } = await client.register(
          { type: confluent.SchemaType.AVRO, schema: JSON.stringify(schema) },
          { subject, compatibility: confluent.COMPATIBILITY.BACKWARD },
        );
        return id;
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
  if ((await request(`${url}/subjects`)).ok) return url;
  if ((await request(`${url}${APICURIO_PATH}/subjects`)).ok) return url + APICURIO_PATH;
  throw new PlatformError('config-invalid', `SCHEMA_REGISTRY_URL ${url} answers, but not as a schema registry`);
}

async function request(url: string): Promise<Response> {
  try {
    return await fetch(url);
  } catch (error) {
    throw unreachable(url, error);
  }
}

function unreachable(url: string, cause: unknown): PlatformError {
  return new PlatformError('engine-unreachable', `the schema registry at ${url} does not answer`, { cause });
}

function registrationError(error: unknown, subject: string): PlatformError {
  const message = error instanceof Error ? error.message : String(error);
  if (/incompatible|compatibility|409/i.test(message)) {
    return new PlatformError('schema-incompatible', `subject ${subject}: ${message}`, { cause: error });
  }
  return new PlatformError('engine-unreachable', `the schema registry refused subject ${subject}: ${message}`, {
    cause: error,
  });
}
