import { join } from 'node:path';
import { nodeArguments } from '@millrace/kernel/lifecycle';
import type { EngineAddresses, Environment } from '../engines/index.ts';
import { addressVariablesOf, engineNames } from '../engines/index.ts';
import { repositoryRoot } from '../paths/index.ts';
import { checkReady, defaultRestartPolicy, Problem, type ProcessSpec } from '../processes/index.ts';

/** A deployable: its workspace, and where its health is served. */
export interface ServiceDefinition {
  /** `producers`, `stream-processors`, `sinks`, `api`, `realtime`; several processes of one are `sinks`, `sinks-2`, … */
  readonly name: string;
  /** Folder of the workspace in the repository. */
  readonly workspace: string;
  /** Variable that moves the port on which health is served, and its default. */
  readonly portVariable: string;
  readonly port: number;
  /** Further variables for this process alone. */
  readonly env?: Readonly<Record<string, string>>;
  /** Port that `status` shows, where it is not the one of health. */
  readonly publicPort?: { readonly variable: string; readonly port: number };
}

export const defaultServices: readonly ServiceDefinition[] = [
  { name: 'producers', workspace: 'producers', portVariable: 'HEALTH_PORT', port: 9401 },
  { name: 'stream-processors', workspace: 'stream-processors', portVariable: 'HEALTH_PORT', port: 9402 },
  { name: 'sinks', workspace: 'sinks', portVariable: 'HEALTH_PORT', port: 9403 },
  { name: 'api', workspace: 'api', portVariable: 'API_PORT', port: 8080 },
  {
    name: 'realtime',
    workspace: 'realtime',
    portVariable: 'HEALTH_PORT',
    port: 9404,
    publicPort: { variable: 'REALTIME_PORT', port: 8090 },
  },
];

const version = '0.1.0';

function portFrom(variable: string, fallback: number, env: Environment): number {
  const text = env[variable];
  if (text === undefined || text === '') return fallback;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Problem(`${variable} must be a port, not "${text}".`);
  return port;
}

/** The process of a deployable, run from its build. */
export function serviceSpec(service: ServiceDefinition, addresses: EngineAddresses, env: Environment): ProcessSpec {
  // HEALTH_PORT is one name for several processes: each has its own default, and only its own `env` moves it.
  const own: Environment = service.portVariable === 'HEALTH_PORT' ? (service.env ?? {}) : { ...env, ...service.env };
  const port = portFrom(service.portVariable, service.port, own);
  const publicPort =
    service.publicPort === undefined
      ? port
      : portFrom(service.publicPort.variable, service.publicPort.port, { ...env, ...service.env });
  const main = join(repositoryRoot, service.workspace, 'dist', 'main.js');
  const ports = [{ port, variable: service.portVariable }];
  return {
    name: service.name,
    title: service.name,
    kind: 'service',
    version,
    port: publicPort,
    ports:
      service.publicPort === undefined
        ? ports
        : [...ports, { port: publicPort, variable: service.publicPort.variable }],
    command: process.execPath,
    args: [...nodeArguments(service.workspace), main],
    cwd: repositoryRoot,
    env: {
      ...addressVariablesOf(addresses),
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
      ...(service.publicPort === undefined ? {} : { [service.publicPort.variable]: String(publicPort) }),
      ...service.env,
      [service.portVariable]: String(port),
    },
    marker: main,
    dependsOn: engineNames,
    stopSignal: 'SIGTERM',
    stopTimeoutMs: 20_000,
    readyTimeoutMs: 120_000,
    restart: { ...defaultRestartPolicy, startAttempts: 5 },
    check: () => checkReady(`http://127.0.0.1:${port}/ready`),
  };
}
