import { join } from 'node:path';
import type { Home } from '../paths/index.ts';
import type { Environment } from '../engines/index.ts';
import { Problem, SupervisedProcess, type Clock, type ProcessSpec } from '../processes/index.ts';

export interface GroupOptions {
  readonly home: Home;
  readonly env: Environment;
  readonly clock: Clock;
  readonly onChange: (process: SupervisedProcess) => void;
  readonly onNotice: (sentence: string) => void;
}

/** Processes started by dependency and stopped in the opposite order. */
export class ProcessGroup {
  readonly #options: GroupOptions;
  readonly #processes: SupervisedProcess[] = [];
  #stopping = false;

  constructor(options: GroupOptions) {
    this.#options = options;
  }

  get processes(): readonly SupervisedProcess[] {
    return this.#processes;
  }

  /**
   * Starts processes side by side, each once those it depends on are ready; names outside the group count as ready.
   * Resolves when all are. The first one that fails rejects; the others are left as they are, for `stop`.
   */
  async start(specs: readonly ProcessSpec[]): Promise<void> {
    const { home, env, clock, onChange, onNotice } = this.#options;
    const ready = new Map<string, Promise<void>>();
    const byName = new Map(specs.map((spec) => [spec.name, spec]));
    const begin = (spec: ProcessSpec, path: readonly string[]): Promise<void> => {
      if (path.includes(spec.name))
        throw new Error(`processes depend on each other in a circle: ${[...path, spec.name].join(' → ')}`);
      const known = ready.get(spec.name);
      if (known !== undefined) return known;
      const process = new SupervisedProcess(spec, {
        logPath: join(home.logs, `${spec.name}.log`),
        env,
        clock,
        onChange,
        onNotice,
      });
      this.#processes.push(process);
      const needed = spec.dependsOn
        .flatMap((name) => byName.get(name) ?? [])
        .map((other) => begin(other, [...path, spec.name]));
      const started = Promise.all(needed).then(() => {
        if (this.#stopping) throw new Problem(`${spec.title} was not started: Millrace is stopping.`);
        return process.start();
      });
      ready.set(spec.name, started);
      return started;
    };
    const all = specs.map((spec) => begin(spec, []));
    for (const started of all) started.catch(() => undefined);
    await Promise.all(all);
  }

  /** @throws Problem for a name that is not one of ours. */
  find(name: string): SupervisedProcess {
    const found = this.#processes.find(({ spec }) => spec.name === name);
    if (found === undefined) {
      throw new Problem(
        `There is no process called ${name}: choose one of ${this.#processes.map(({ spec }) => spec.name).join(', ')}.`,
      );
    }
    return found;
  }

  /** Deployables first, then engines, each kind side by side; resolves when no process is left. Nothing starts afterwards. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const kind of ['service', 'engine'] as const) {
      await Promise.all(this.#processes.filter(({ spec }) => spec.kind === kind).map((process) => process.stop()));
    }
  }
}
