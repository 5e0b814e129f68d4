import { planEngines } from '@millrace/infra-local/engines';
import { catalogue, ensureDownloads } from '@millrace/infra-local/downloads';
import type { ProcessSpec } from '@millrace/infra-local/processes';
import { addressesFrom, serviceSpec, startPlatform } from '@millrace/infra-local/supervisor';
import { environment } from '@millrace/kernel/config';
import { Gate } from '../gate.ts';
import { ProcessesUnderFire } from './processes-under-fire.ts';
import type { RoadPlace } from './place.ts';

/** A deployable of a campaign: several of one workspace have names of their own. */
export interface Deployable {
  readonly name: string;
  readonly workspace: 'producers' | 'stream-processors' | 'sinks';
  readonly env?: Readonly<Record<string, string>>;
}

const READY_MS = 300_000;
/** However often it is killed, it comes back soon. */
const RESTART = { firstDelayMs: 100, maxDelayMs: 500, wellAfterMs: 1_000, startAttempts: 5 };

export async function startEngines({ engines, environment: variables }: RoadPlace): Promise<ProcessesUnderFire> {
  const env = { ...inherited(), ...variables };
  const { specs } = await planEngines(engines, env, true);
  await ensureDownloads(
    engines.downloads,
    catalogue.filter(({ engine }) => specs.some(({ name }) => name === engine)),
    { onProgress: () => undefined, signal: new AbortController().signal },
  );
  return started(engines, env, specs);
}

export async function startDeployables(
  { deployables: home, environment: variables, healthPort }: RoadPlace,
  deployables: readonly Deployable[],
): Promise<ProcessesUnderFire> {
  const env = { ...inherited(), ...variables };
  const specs = deployables.map(({ name, workspace, env: own }, index) =>
    serviceSpec(
      {
        name,
        workspace,
        portVariable: 'HEALTH_PORT',
        port: healthPort(index),
        env: { ...variables, ...own },
      },
      addressesFrom(variables),
      env,
    ),
  );
  return started(home, env, specs);
}

async function started(
  home: RoadPlace['engines'],
  env: Readonly<Record<string, string | undefined>>,
  specs: readonly ProcessSpec[],
): Promise<ProcessesUnderFire> {
  const gates = new Map(specs.map(({ name }) => [name, new Gate()]));
  const gated = specs.map((spec) => ({
    ...spec,
    restart: RESTART,
    readyTimeoutMs: READY_MS,
    // Before every start.
    prepare: async () => {
      await gates.get(spec.name)?.passed;
      await spec.prepare?.();
    },
  }));
  const platform = await startPlatform({ home, env, engines: gated, services: [], ownEngines: true });
  return new ProcessesUnderFire(platform, gates);
}

/** What a process needs of ours to run at all. */
function inherited(): Record<string, string | undefined> {
  const { PATH, HOME, JAVA_HOME } = environment();
  return { PATH, HOME, JAVA_HOME };
}
