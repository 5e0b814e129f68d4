import type { Server } from 'node:net';
import { mkdir } from 'node:fs/promises';
import { catalogue, ensureDownloads, type DownloadProgress } from '../downloads/index.ts';
import {
  addressesFrom,
  planEngines,
  requireJava,
  type EngineAddresses,
  type EnginePlan,
  type Environment,
} from '../engines/index.ts';
import type { Home } from '../paths/index.ts';
import { Problem, systemClock, type Clock, type ProcessSpec, type SupervisedProcess } from '../processes/index.ts';
import { serveControl, type ControlRequest } from './control.ts';
import { ProcessGroup } from './group.ts';
import { releaseHome, takeHome } from './home-lock.ts';
import { endLeftovers } from './leftovers.ts';
import { defaultServices, serviceSpec, type ServiceDefinition } from './services.ts';
import { overallState, writeState, type ItemStatus, type PlatformStatus } from './state-file.ts';

/** What happens while a platform starts and runs, for people to see. */
export type PlatformEvent =
  | { readonly kind: 'download'; readonly progress: DownloadProgress }
  | {
      readonly kind: 'process';
      readonly name: string;
      readonly title: string;
      readonly state: ItemStatus['state'];
      readonly pid: number | null;
      readonly port: number | null;
    }
  /** One clear sentence: an engine used elsewhere, a process that died and is started again. */
  | { readonly kind: 'notice'; readonly sentence: string };

export interface PlatformOptions {
  readonly home: Home;
  /** Addresses and ports are read from it, and every process inherits it. */
  readonly env: Environment;
  /** Start every engine here, even where something answers at an address that `env` names. */
  readonly ownEngines?: boolean;
  /** Deployables to run; all five by default, none with `[]`. */
  readonly services?: readonly ServiceDefinition[];
  /** Runs once the engines are ready, before any deployable starts: migrations, topics, schemas. */
  readonly beforeServices?: (addresses: EngineAddresses) => Promise<void>;
  readonly onProgress?: (event: PlatformEvent) => void;
  /** Aborting it is a `stop()`, also while it starts. */
  readonly signal?: AbortSignal;
  /** For tests: processes to run in place of the real engines. */
  readonly engines?: readonly ProcessSpec[];
  readonly clock?: Clock;
}

/** A running platform. It lives in this process: when this process ends, so does everything it runs. */
export interface Platform {
  readonly addresses: EngineAddresses;
  status(): PlatformStatus;
  /** Ends everything in order, deployables first; resolves when no process is left. May be called again. */
  stop(): Promise<void>;
  /** Ends one process in an orderly way and starts it again. */
  restart(name: string): Promise<void>;
  /** kill -9 of one process (fault campaigns); the supervisor brings it back like after any crash. */
  kill(name: string): void;
  /** Resolves once stopped, by whomever. */
  readonly stopped: Promise<void>;
}

/**
 * Fetches what is missing, starts the engines and then the deployables, and keeps them running.
 * Resolves when all are ready. Whatever fails, nothing is left running behind.
 * @throws Problem with one clear sentence: a home in use, a port taken, a full disk, an engine that will not start.
 */
export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { home } = options;
  const holder = await takeHome(home);
  if (holder !== undefined) {
    throw new Problem(
      `Millrace already runs in ${home.folder} (process ${holder.pid}): stop it with \`millrace down\`, or choose another folder with MILLRACE_HOME.`,
    );
  }
  const platform = new RunningPlatform(options);
  try {
    await platform.begin();
    return platform;
  } catch (error) {
    await platform.stop();
    throw error;
  }
}

class RunningPlatform implements Platform {
  readonly addresses: EngineAddresses;
  readonly stopped: Promise<void>;
  readonly #options: PlatformOptions;
  readonly #group: ProcessGroup;
  readonly #onProgress: (event: PlatformEvent) => void;
  #external: EnginePlan['external'] = [];
  #phase: 'starting' | 'running' | 'stopped' = 'starting';
  #control: Server | undefined;
  readonly #stopAsked = new AbortController();
  #stopping: Promise<void> | undefined;
  #tellStopped: () => void = () => undefined;

  constructor(options: PlatformOptions) {
    this.#options = options;
    this.#onProgress = options.onProgress ?? (() => undefined);
    this.addresses = addressesFrom(options.env);
    options.signal?.addEventListener('abort', () => void this.stop(), { once: true });
    this.stopped = new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
    this.#group = new ProcessGroup({
      home: options.home,
      env: options.env,
      clock: options.clock ?? systemClock,
      onChange: (process) => this.#changed(process),
      onNotice: (sentence) => this.#onProgress({ kind: 'notice', sentence }),
    });
  }

  async begin(): Promise<void> {
    const { home, env, beforeServices, signal } = this.#options;
    if (signal?.aborted === true) void this.stop();
    await this.#refuseStopped();
    await mkdir(home.logs, { recursive: true });
    for (const name of await endLeftovers(home))
      this.#onProgress({ kind: 'notice', sentence: `Ended ${name}, left over from an earlier run that was killed.` });
    this.#save();
    this.#control = await serveControl(home, (request) => this.#answer(request));
    const engines = this.#options.engines ?? (await this.#engineSpecs());
    await this.#refuseStopped();
    await this.#group.start(engines);
    await this.#refuseStopped();
    await beforeServices?.(this.addresses);
    await this.#refuseStopped();
    await this.#group.start(
      (this.#options.services ?? defaultServices).map((service) => serviceSpec(service, this.addresses, env)),
    );
    await this.#refuseStopped();
    this.#phase = 'running';
    this.#save();
  }

  status(): PlatformStatus {
    const of = (kind: ProcessSpec['kind']): ItemStatus[] =>
      this.#group.processes.filter(({ spec }) => spec.kind === kind).map((process) => process.status());
    const external = this.#external.map(({ name, port }): ItemStatus => ({
      name,
      pid: null,
      port,
      state: 'external',
      version: '',
      restarts: 0,
    }));
    const engines = [...of('engine'), ...external];
    const services = of('service');
    return { state: overallState(this.#phase, [...engines, ...services]), engines, services };
  }

  stop(): Promise<void> {
    this.#stopAsked.abort();
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async restart(name: string): Promise<void> {
    await this.#group.find(name).restart();
  }

  kill(name: string): void {
    const { pid } = this.#group.find(name).status();
    if (pid === null) throw new Problem(`${name} does not run just now.`);
    process.kill(pid, 'SIGKILL');
  }

  async #engineSpecs(): Promise<readonly ProcessSpec[]> {
    const { home, env } = this.#options;
    const plan = await planEngines(home, env, this.#options.ownEngines ?? false);
    this.#external = plan.external;
    for (const { sentence } of plan.external) this.#onProgress({ kind: 'notice', sentence });
    const wanted = catalogue.filter(({ engine }) => plan.specs.some(({ name }) => name === engine));
    if (plan.specs.some(({ command }) => command === 'java')) await requireJava();
    await ensureDownloads(home.downloads, wanted, {
      onProgress: (progress) => this.#onProgress({ kind: 'download', progress }),
      signal: this.#stopAsked.signal,
    });
    return plan.specs;
  }

  /** A stop asked for while starting ends the start. */
  async #refuseStopped(): Promise<void> {
    if (this.#stopping === undefined) return;
    await this.#stopping;
    throw new Problem('Millrace was stopped while it was starting.');
  }

  async #stopAll(): Promise<void> {
    await this.#group.stop();
    this.#phase = 'stopped';
    this.#save();
    this.#control?.close();
    await releaseHome(this.#options.home);
    this.#tellStopped();
  }

  async #answer(request: ControlRequest): Promise<PlatformStatus> {
    if (request.verb === 'stop') await this.stop();
    else if (request.verb === 'restart') await this.restart(request.name);
    else if (request.verb === 'kill') this.kill(request.name);
    return this.status();
  }

  #changed(process: SupervisedProcess): void {
    this.#save();
    const { name, state, pid, port } = process.status();
    this.#onProgress({ kind: 'process', name, title: process.spec.title, state, pid, port });
  }

  #save(): void {
    const markers = Object.fromEntries(this.#group.processes.map(({ spec }) => [spec.name, spec.marker]));
    writeState(this.#options.home, { supervisorPid: process.pid, status: this.status(), markers });
  }
}
