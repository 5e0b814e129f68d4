import { spawn } from 'node:child_process';
import { mkdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { tiedToParent } from '../processes/tied.ts';
import { hasCode } from '../processes/errno.ts';
import { Problem } from '../processes/problem.ts';
import type { Download } from './catalogue.ts';
import { withFolderLock } from './folder-lock.ts';
import { pomText } from './pom.ts';
import { downloadedBytes, megabytes, type DownloadProgress } from './progress.ts';

/** Pinned: 2.8 unpacks an archive without asking for its parent's descriptor, which is not published for all. */
const dependencyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:2.8';

/** Room that a first start needs for programs, their archives and empty data folders. */
const neededBytes = 1_500_000_000;

export interface DownloadOptions {
  readonly onProgress: (progress: DownloadProgress) => void;
  /** Ends the fetching; what is whole already is kept. */
  readonly signal: AbortSignal;
}

/** Where the programs of a download are, once fetched. */
export function folderOf(downloads: string, download: Download): string {
  return join(downloads, `${download.name}-${download.version}`);
}

const markerOf = (folder: string): string => join(folder, '.complete');

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/**
 * Fetches what is missing, once: a folder counts only when its completion marker is there. An interrupted run is taken
 * up again (Maven keeps whole files), and two processes never fetch into one folder at the same time.
 * @throws Problem naming what could not be fetched, or how much room is missing.
 */
export async function ensureDownloads(
  downloads: string,
  wanted: readonly Download[],
  options: DownloadOptions,
): Promise<void> {
  await mkdir(downloads, { recursive: true });
  if ((await missing(downloads, wanted)).length === 0) return;
  await withFolderLock(downloads, async () => {
    const todo = await missing(downloads, wanted);
    if (todo.length === 0) return;
    await refuseFullDisk(downloads);
    for (const [position, download] of todo.entries()) {
      await fetchOne(downloads, download, { ...options, index: position + 1, count: todo.length });
    }
    // Only a cache while fetching: the programs are in their own folders now.
    await rm(join(downloads, 'm2'), { recursive: true, force: true });
  });
}

async function missing(downloads: string, wanted: readonly Download[]): Promise<Download[]> {
  const present = await Promise.all(wanted.map((download) => exists(markerOf(folderOf(downloads, download)))));
  return wanted.filter((_, index) => present[index] !== true);
}

async function refuseFullDisk(downloads: string): Promise<void> {
  const { bavail, bsize } = await statfs(downloads);
  const free = bavail * bsize;
  if (free < neededBytes) {
    throw new Problem(
      `Only ${megabytes(free)} are free on the disk of ${downloads}, and fetching the engines needs ${megabytes(neededBytes)}: free some room or move the folder with MILLRACE_HOME.`,
    );
  }
}

async function fetchOne(
  downloads: string,
  download: Download,
  { onProgress, signal, index, count }: DownloadOptions & { readonly index: number; readonly count: number },
): Promise<void> {
  const what = `${download.title} ${download.version}`;
  const folder = folderOf(downloads, download);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  let files = 0;
  let bytes = 0;
  const tell = (state: DownloadProgress['state']): void =>
    onProgress({ what, index, count, files, bytes, expectedBytes: download.expectedBytes, state });
  tell('fetching');
  const onLine = (line: string): void => {
    const size = downloadedBytes(line);
    if (size === undefined) return;
    files += 1;
    bytes += size;
    tell('fetching');
  };
  await runMaven({
    folder: partial,
    repository: join(downloads, 'm2'),
    goal: await goalOf(download, partial),
    what,
    onLine,
    signal,
  });
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  await writeFile(markerOf(folder), `${what}\n`);
  tell('done');
}

async function goalOf(download: Download, folder: string): Promise<string[]> {
  const { source } = download;
  if (source.kind === 'archive') {
    const includes = source.includes === undefined ? [] : [`-Dmdep.unpack.includes=${source.includes}`];
    return [`${dependencyPlugin}:unpack`, `-Dartifact=${source.artifact}`, `-DoutputDirectory=${folder}`, ...includes];
  }
  const pom = join(folder, 'pom.xml');
  await writeFile(pom, pomText(download.name, source.wanted, source.managed));
  return [
    '-f',
    pom,
    `${dependencyPlugin}:copy-dependencies`,
    '-DincludeScope=runtime',
    `-DoutputDirectory=${join(folder, 'lib')}`,
  ];
}

/** Exit code with which a program that runs others says that there is no such program. */
const notFound = 127;

interface MavenRun {
  /** Where Maven runs: it leaves its own marker files there. */
  readonly folder: string;
  readonly repository: string;
  readonly goal: readonly string[];
  readonly what: string;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

async function runMaven({ folder, repository, goal, what, onLine, signal }: MavenRun): Promise<void> {
  const { command, args } = tiedToParent('mvn', ['-B', `-Dmaven.repo.local=${repository}`, ...goal], 'SIGTERM');
  const child = spawn(command, [...args], {
    cwd: folder,
    signal,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errors: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    if (line.includes('[ERROR]')) errors.push(line.replace(/^.*\[ERROR\]\s*/, ''));
    onLine(line);
  });
  child.stderr.resume();
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', (error) => {
      if (hasCode(error, 'ENOENT')) resolve(notFound);
      else
        reject(
          new Problem(signal.aborted ? `Fetching ${what} was stopped.` : `Maven could not be run: ${error.message}.`),
        );
    });
    child.once('close', resolve);
  });
  if (code === 0) return;
  if (code === notFound) {
    throw new Problem(
      'Maven (mvn) was not found: install it, for example with `apt-get install -y maven` or `brew install maven`.',
    );
  }
  const reason = errors.find((line) => line !== '') ?? `mvn ended with code ${code ?? 'none'}`;
  throw new Problem(
    `${what} could not be fetched with Maven: ${reason.slice(0, 400)} Start again to go on from what is already there.`,
  );
}
