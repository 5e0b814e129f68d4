import { isPortFree, Problem, type ProcessSpec } from '../processes/index.ts';
import type { Home } from '../paths/index.ts';
import {
  addressOf,
  addressVariables,
  endpointOf,
  engineNames,
  isLoopback,
  type EngineName,
  type Environment,
} from './addresses.ts';
import { clickhouseSpec } from './clickhouse.ts';
import { kafkaSpec } from './kafka.ts';
import { postgresSpec } from './postgres.ts';
import { redisSpec } from './redis.ts';
import { schemaRegistrySpec } from './schema-registry.ts';
import { searchSpec } from './search.ts';

/** Which engines we run ourselves, and which are somebody else's. */
export interface EnginePlan {
  readonly specs: readonly ProcessSpec[];
  /** Engines reached at an address of the environment, with one sentence each. */
  readonly external: readonly { readonly name: EngineName; readonly port: number; readonly sentence: string }[];
}

/**
 * An address that the environment names explicitly is respected: an engine that answers there is used and not started.
 * An explicit address on this machine where nothing listens is where ours is started, so the same variable moves it.
 * @param ownOnly ours are started at every address, whatever stands there (then the start fails, naming the port).
 * @throws Problem for `MILLRACE_ENGINES` other than `local`.
 */
export async function planEngines(home: Home, env: Environment, ownOnly: boolean): Promise<EnginePlan> {
  refuseOtherKinds(env['MILLRACE_ENGINES'] ?? 'local');
  const specs: ProcessSpec[] = [];
  const external: { name: EngineName; port: number; sentence: string }[] = [];
  for (const name of engineNames) {
    const endpoint = endpointOf(name, env);
    if (!ownOnly && endpoint.explicit && !(isLoopback(endpoint) && (await isPortFree(endpoint.port)))) {
      external.push({
        name,
        port: endpoint.port,
        sentence: `Using ${name} at ${endpoint.host}:${endpoint.port} (${addressVariables[name]}); it is not started here.`,
      });
    } else specs.push(specOf(name, home, env, endpoint.port));
  }
  return { specs, external };
}

function refuseOtherKinds(kind: string): void {
  if (kind === 'containers') {
    throw new Problem(
      'MILLRACE_ENGINES=containers is not available yet: leave it out to run the engines as plain processes, or set the engines’ addresses yourself.',
    );
  }
  if (kind !== 'local') throw new Problem(`MILLRACE_ENGINES must be local, not "${kind}".`);
}

function specOf(name: EngineName, home: Home, env: Environment, port: number): ProcessSpec {
  switch (name) {
    case 'postgres':
      return postgresSpec(home, addressOf(name, env));
    case 'kafka':
      return kafkaSpec(home, port);
    case 'schema-registry':
      return schemaRegistrySpec(home, port);
    case 'search':
      return searchSpec(home, port);
    case 'redis':
      return redisSpec(home, port);
    case 'clickhouse':
      return clickhouseSpec(home, port);
  }
}
