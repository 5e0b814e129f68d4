/**
 * Runs the engines for tests on ports and data of their own, in the foreground, until SIGINT or SIGTERM.
 * Run through `scripts/test.mjs`, which loads TypeScript first.
 */
/* global AbortController */
import { rmSync, writeFileSync } from 'node:fs';
import { addressVariablesOf, Problem, progressLine, startPlatform } from '@millrace/infra-local/supervisor';
import { testAddresses, testEnginesFile, testHome } from '@millrace/infra-local/testing';

const say = (text) => process.stdout.write(`${text}\n`);

const stopping = new AbortController();
const stop = () => stopping.abort();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);

let lastLine = '';
function show(event) {
  if (event.kind === 'notice') say(event.sentence);
  if (event.kind === 'process' && event.state === 'ready') say(`${event.title} is ready on port ${event.port}`);
  if (event.kind === 'download') {
    const line = progressLine(event.progress);
    if (event.progress.state === 'done' || event.progress.files % 20 === 0)
      if (line !== lastLine) say((lastLine = line));
  }
}

// The file is ours to touch only once the home is: another run may be up, and its users read the file.
const withdraw = () => rmSync(testEnginesFile, { force: true });
try {
  const env = { ...process.env, ...addressVariablesOf(testAddresses) };
  const platform = await startPlatform({
    home: testHome,
    env,
    ownEngines: true,
    services: [],
    signal: stopping.signal,
    onProgress: show,
  });
  writeFileSync(testEnginesFile, `${JSON.stringify({ ...testAddresses, supervisorPid: process.pid }, undefined, 2)}\n`);
  stopping.signal.addEventListener('abort', withdraw, { once: true });
  if (stopping.signal.aborted) withdraw();
  else say('The test engines are ready.');
  await platform.stopped;
  withdraw();
  say('The test engines are stopped.');
} catch (error) {
  process.stderr.write(
    `${error instanceof Problem ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = 1;
}
