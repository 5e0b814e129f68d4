import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(import.meta.url);

/** The folder of this workspace (`infra/local`), from source and from the build alike. */
export const workspaceFolder = resolve(dirname(here), '../..');

/** The repository's root folder. */
export const repositoryRoot = resolve(workspaceFolder, '../..');

/** Where one set of engines and deployables keeps everything it writes. */
export interface Home {
  readonly folder: string;
  /** Engines' data folders: `data/<engine>`. */
  readonly data: string;
  /** One log file per process: `logs/<name>.log`. */
  readonly logs: string;
  /** State file, lock and control socket of the supervisor. */
  readonly run: string;
  /** Engine programs; may be shared by several homes. */
  readonly downloads: string;
}

/** @param folder absolute, or relative to the repository; `downloads` defaults to `<folder>/downloads`. */
export function homeOf(folder: string, downloads?: string): Home {
  const absolute = resolve(repositoryRoot, folder);
  return {
    folder: absolute,
    data: join(absolute, 'data'),
    logs: join(absolute, 'logs'),
    run: join(absolute, 'run'),
    downloads: downloads === undefined ? join(absolute, 'downloads') : resolve(repositoryRoot, downloads),
  };
}

/** `MILLRACE_HOME`, else `.millrace` of the repository. */
export function defaultHome(env: Readonly<Record<string, string | undefined>>): Home {
  return homeOf(env['MILLRACE_HOME'] ?? '.millrace');
}

/**
 * A program of this workspace that runs as a process of its own, as arguments for Node:
 * TypeScript when we run from source, JavaScript when we run from the build.
 */
export function ownProgram(folder: string): {
  readonly command: string;
  readonly args: readonly string[];
  readonly file: string;
} {
  const extension = extname(here);
  const file = join(dirname(here), '..', folder, `main${extension}`);
  const fromSource = extension === '.ts' ? ['--import', 'tsx', '--conditions=@millrace/source'] : [];
  return { command: process.execPath, args: [...fromSource, file], file };
}
