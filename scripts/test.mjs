/**
 * `npm test`: every test, on engines of its own. Further arguments go to jest: `npm test -- sinks -t "repeated batch"`.
 * `npm run test:engines` (--engines-only) only keeps those engines up, in the foreground; runs meanwhile use them.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { build, fromSource, root, start } from './children.mjs';
import { installDependencies, requirePrerequisites } from './prerequisites.mjs';
import { closingLine, needsBuild } from './test-run.mjs';

const home = join(root, '.millrace', 'test');
const enginesFile = join(home, 'engines.json');
const enginesProgram = [...fromSource, join('scripts', 'test-engines.mjs')];

/** How long jest may take to end after its results are written, before it is ended. */
const lingerMs = 30_000;

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function enginesRun() {
  const pid = readJson(enginesFile)?.supervisorPid;
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Starts the engines unless they run already. Returns how to stop what was started, undefined when they did not start. */
async function ensureEngines() {
  if (enginesRun()) {
    process.stdout.write('Using the test engines that run already.\n');
    return async () => undefined;
  }
  rmSync(enginesFile, { force: true });
  const { child, ended } = start(enginesProgram);
  let code;
  void ended.then((value) => (code = value));
  while (code === undefined && !enginesRun()) await wait(100);
  if (code !== undefined) return undefined;
  return async () => {
    child.kill('SIGTERM');
    await ended;
  };
}

async function runJest(args, resultsFile) {
  const jest = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join('node_modules', 'jest', 'bin', 'jest.js'),
  ];
  const { child, ended } = start([...jest, '--json', `--outputFile=${resultsFile}`, ...args]);
  let over = false;
  void ended.then(() => (over = true));
  while (!over && readJson(resultsFile) === undefined) await Promise.race([ended, wait(1_000)]);
  await Promise.race([ended, wait(lingerMs, undefined, { ref: false })]);
  if (over) return ended;
  process.stderr.write(
    `jest has written its results but did not end within ${lingerMs / 1000} s: a test leaves something open.\n`,
  );
  child.kill('SIGKILL');
  await ended;
  return 1;
}

async function main(args) {
  requirePrerequisites();
  installDependencies(root);
  if (args.includes('--engines-only')) return start(enginesProgram).ended;
  mkdirSync(home, { recursive: true });
  if (needsBuild(args)) build();
  const stopEngines = await ensureEngines();
  if (stopEngines === undefined) {
    process.stderr.write('The test engines did not start: the message above says why.\n');
    return 1;
  }
  const resultsFile = join(home, `results-${process.pid}.json`);
  rmSync(resultsFile, { force: true });
  const code = await runJest(args, resultsFile).finally(stopEngines);
  process.stdout.write(`${closingLine(readJson(resultsFile))}\n`);
  rmSync(resultsFile, { force: true });
  return code;
}

process.exitCode = await main(process.argv.slice(2));
