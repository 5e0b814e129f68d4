/**
 * What must be installed before anything of the repository can run. Plain JavaScript without dependencies: it runs
 * before there are any.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';

const debianJava = 'apt-get install -y openjdk-17-jre-headless';
const debianMaven = 'apt-get install -y maven';

/** Major version out of what `java -version` prints (`1.8.0` is 8), undefined when it cannot be read. */
export function javaMajor(text) {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(text);
  if (match === null) return undefined;
  return match[1] === '1' && match[2] !== undefined ? Number(match[2]) : Number(match[1]);
}

/** Whether a Node version such as `20.20.2` is recent enough. */
export function nodeIsRecent(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 11);
}

/**
 * One sentence for each missing prerequisite, with the command that installs it; none when all are there.
 * @param found `node`: its version; `java`: what `java -version` prints, undefined when absent; `maven`: whether it runs.
 */
export function missingPrerequisites({ node, java, maven, platform }) {
  const sentences = [];
  const brew = platform === 'darwin';
  if (!nodeIsRecent(node)) {
    sentences.push(
      `Node ${node} is too old, 20.11 or later is needed: install it, for example with \`${brew ? 'brew install node@22' : 'npx n 22'}\`.`,
    );
  }
  const installJava = brew ? 'brew install openjdk@17' : debianJava;
  if (java === undefined)
    sentences.push(`Java 17 or later is needed and none was found: install it, for example with \`${installJava}\`.`);
  else if ((javaMajor(java) ?? 0) < 17) {
    sentences.push(
      `Java ${javaMajor(java) ?? '(of an unknown version)'} is too old, 17 or later is needed: install it, for example with \`${installJava}\`.`,
    );
  }
  if (!maven)
    sentences.push(
      `Maven is needed and was not found: install it, for example with \`${brew ? 'brew install maven' : debianMaven}\`.`,
    );
  return sentences;
}

function outputOf(command, args) {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  return result.error !== undefined || result.status !== 0 ? undefined : `${result.stdout}${result.stderr}`;
}

/** Looks at this machine. Prints what is missing and ends the process with 1 when something is. */
export function requirePrerequisites() {
  const sentences = missingPrerequisites({
    node: process.versions.node,
    java: outputOf('java', ['-version']),
    maven: outputOf('mvn', ['-v']) !== undefined,
    platform: process.platform,
  });
  for (const sentence of sentences) process.stderr.write(`${sentence}\n`);
  if (sentences.length > 0) process.exit(1);
}

/** Whether node_modules is absent or older than the lock file. */
export function dependenciesAreStale(root) {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const lock = join(root, 'package-lock.json');
  return !existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs;
}

/** Installs what the lock file names, when needed; ends the process with npm's code when that fails. */
export function installDependencies(root) {
  if (!dependenciesAreStale(root)) return;
  process.stdout.write('Installing dependencies (npm ci) …\n');
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  process.stderr.write('npm ci failed: see its message above, then try again.\n');
  process.exit(status ?? 1);
}
