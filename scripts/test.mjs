/**
 * `npm test`: every test, on engines of its own. Further arguments go to jest: `npm test -- sinks -t "repeated batch"`.
 * `--every-engine` fails a run that could not be on every kind of search server.
 * `npm run test:engines` (--engines-only) only keeps those engines up, in the foreground; runs meanwhile use them.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { build, fromSource, root, start } from './children.mjs';
import { installDependencies, requirePrerequisites } from './prerequisites.mjs';
import { closingLine, needsBuild, needsElasticsearch, ownArguments, searchLine } from './test-run.mjs';

const home = join(root, '.millrace', 'test');
const enginesFile = join(home, 'engines.json');
const enginesProgram = [...fromSource, join('scripts', 'test-engines.mjs')];
const elasticsearchFile = join(home, 'elasticsearch.json');
const elasticsearchProgram = [...fromSource, join('scripts', 'test-elasticsearch.mjs')];
const jest = [
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  join('node_modules', 'jest', 'bin', 'jest.js'),
];

/** How long jest may take to end after its results are written, before it is ended. */
const lingerMs = 30_000;

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Whether the program that wrote this file runs. */
function runs(file) {
  const pid = readJson(file)?.supervisorPid;
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Starts a program that writes `file` when it is ready. Resolves then, or with its exit code when it ended before. */
async function startUntil(program, file) {
  rmSync(file, { force: true });
  const { child, ended } = start(program);
  let code;
  void ended.then((value) => (code = value));
  while (code === undefined && !runs(file)) await wait(100);
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return code === undefined ? { stop } : { code };
}

const nothing = async () => undefined;

/** Starts the engines unless they run already. Returns how to stop what was started, undefined when they did not start. */
async function ensureEngines() {
  if (!runs(enginesFile)) return (await startUntil(enginesProgram, enginesFile)).stop;
  process.stdout.write('Using the test engines that run already.\n');
  return nothing;
}

function wantsElasticsearch(args) {
  if (args.length === 0) return true;
  const listed = spawnSync(process.execPath, [...jest, '--listTests', ...args], { cwd: root, encoding: 'utf8' });
  return needsElasticsearch(
    listed.stdout
      .split('\n')
      .filter((line) => line.endsWith('.ts'))
      .map((file) => readFileSync(file, 'utf8')),
  );
}

/** Starts Elasticsearch for a run that tests on it: `missing` says why it could not, `stop` ends it, `line` is said of it at the end. */
async function ensureElasticsearch(args) {
  if (!wantsElasticsearch(args)) return { stop: nothing };
  if (runs(elasticsearchFile)) return { stop: nothing, line: searchLine() };
  const { stop, code } = await startUntil(elasticsearchProgram, elasticsearchFile);
  if (code === undefined) return { stop, line: searchLine() };
  const missing = code === 3 ? readJson(elasticsearchFile)?.missing : 'it did not start, the message above says why.';
  return { stop: nothing, failed: code !== 3, missing, line: searchLine(missing) };
}

async function runJest(args, resultsFile) {
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

async function main(given) {
  const { everyEngine, args } = ownArguments(given);
  requirePrerequisites();
  installDependencies(root);
  if (args.includes('--engines-only')) return start(enginesProgram).ended;
  mkdirSync(home, { recursive: true });
  if (needsBuild(args)) build();
  const [stopEngines, elasticsearch] = await Promise.all([ensureEngines(), ensureElasticsearch(args)]);
  const stopAll = () => Promise.all([stopEngines?.(), elasticsearch.stop()]);
  if (stopEngines === undefined) {
    await stopAll();
    process.stderr.write('The test engines did not start: the message above says why.\n');
    return 1;
  }
  const lacking = elasticsearch.missing !== undefined && (everyEngine || elasticsearch.failed);
  if (lacking) process.stderr.write(`${elasticsearch.line}\n`);
  const resultsFile = join(home, `results-${process.pid}.json`);
  rmSync(resultsFile, { force: true });
  const code = await runJest(args, resultsFile).finally(stopAll);
  if (elasticsearch.line !== undefined) process.stdout.write(`${elasticsearch.line}\n`);
  process.stdout.write(`${closingLine(readJson(resultsFile))}\n`);
  rmSync(resultsFile, { force: true });
  return lacking ? 1 : code;
}

process.exitCode = await main(process.argv.slice(2));
