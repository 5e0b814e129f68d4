import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DyingMoment } from './dying.ts';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export interface ChildCaptureOptions {
  /** Its files may not grow beyond so many blocks: it is told that the file is too large, as it would be told of a full disk. */
  readonly maxFileBlocks?: number;
  /** `folder` is a disk of so many bytes, for this process alone (see `canMakeDisks`). */
  readonly smallDisk?: { readonly folder: string; readonly bytes: number };
  /** The moment at which it kills itself with SIGKILL. */
  readonly dies?: DyingMoment;
}

/** A shell's commands, then the program in place of the shell. */
const after = (commands: string, program: readonly string[]): string[] => [
  ...['sh', '-c', `${commands} && exec "$@"`, 'sh'],
  ...program,
];

/** What the program mounts, only it sees. */
const ALONE = ['unshare', '--map-root-user', '--mount'] as const;

/** Whether this machine lets a process mount a disk of its own (Linux, with user namespaces or as root). */
export function canMakeDisks(): boolean {
  const [command, ...args] = ALONE;
  return spawnSync(command, [...args, 'mount', '-t', 'tmpfs', 'none', '/tmp'], { stdio: 'ignore' }).status === 0;
}

/** The deployable as a process of its own, to be killed. */
export class ChildCapture {
  readonly #child: ChildProcess;
  #output = '';

  constructor(environment: Readonly<Record<string, string>>, options: ChildCaptureOptions = {}) {
    const { maxFileBlocks, smallDisk, dies } = options;
    const main = program(dies === undefined ? '../main.ts' : './dying-main.ts');
    const node = [process.execPath, '--import', 'tsx', '--conditions=@millrace/source', main];
    let commandLine = node;
    if (maxFileBlocks !== undefined) commandLine = after(`trap '' XFSZ; ulimit -f ${maxFileBlocks}`, node);
    else if (smallDisk !== undefined) {
      const mount = after('mount -t tmpfs -o size="$BYTES" none "$FOLDER"', node);
      const { folder, bytes } = smallDisk;
      commandLine = [...ALONE, 'env', `FOLDER=${folder}`, `BYTES=${bytes}`, ...mount];
    }
    const [command = '', ...args] = commandLine;
    this.#child = spawn(command, args, {
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        ...environment,
        LOG_LEVEL: 'info',
        ...(dies === undefined ? {} : { DIES_WHEN: dies.when, DIES_AT: String(dies.at) }),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout?.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
  }

  /** Everything it has logged. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  signal(name: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' | 'SIGTERM'): void {
    this.#child.kill(name);
  }

  async ended(): Promise<void> {
    if (this.running) await once(this.#child, 'exit');
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.ended();
  }
}
