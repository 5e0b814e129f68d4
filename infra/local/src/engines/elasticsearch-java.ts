import { spawnSync } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { Problem } from '../processes/index.ts';
import type { Environment } from './addresses.ts';
import { javaMajor } from './java.ts';

/** The oldest Java that Elasticsearch 9 takes. */
export const OLDEST_JAVA = 21;

/** A Java of this machine. */
export interface FoundJava {
  readonly home: string;
  readonly major: number;
}

/**
 * Home of a Java that Elasticsearch runs on: `ES_JAVA_HOME`, `JAVA_HOME`, the `java` of the path, then the newest that the system has installed.
 * @throws Problem that says what was found and what to install.
 */
export function findElasticsearchJava(env: Environment): string {
  const named = [env['ES_JAVA_HOME'], env['JAVA_HOME'], ...homesOnPath(env['PATH'] ?? '')];
  return chooseJava(found(named), found(installed('/usr/lib/jvm'))).home;
}

/** The first of `named` that is recent enough, else the newest of `others`. @throws Problem where there is none. */
export function chooseJava(named: readonly FoundJava[], others: readonly FoundJava[]): FoundJava {
  const newestFirst = [...others].sort((a, b) => b.major - a.major);
  const chosen = [...named, ...newestFirst].find(({ major }) => major >= OLDEST_JAVA);
  if (chosen !== undefined) return chosen;
  const majors = [...new Set([...named, ...others].map(({ major }) => major))].join(', ');
  throw new Problem(
    `Java ${OLDEST_JAVA} or later is needed and ${majors === '' ? 'no Java was found' : `the Java found is ${majors}`}: install one, for example with \`apt-get install -y openjdk-21-jre-headless\` (Debian 13 or later) or \`brew install openjdk@21\`, or name its folder in ES_JAVA_HOME.`,
  );
}

function homesOnPath(path: string): string[] {
  return path.split(delimiter).flatMap((folder) => {
    try {
      return [dirname(dirname(realpathSync(join(folder, 'java'))))];
    } catch {
      return [];
    }
  });
}

function installed(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function found(homes: readonly (string | undefined)[]): FoundJava[] {
  return homes.flatMap((home) => {
    if (home === undefined || home === '') return [];
    const { error, stderr } = spawnSync(join(home, 'bin', 'java'), ['-version'], { encoding: 'utf8' });
    const major = error === undefined ? javaMajor(stderr) : undefined;
    return major === undefined ? [] : [{ home, major }];
  });
}
