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
const stop = () => {
  rmSync(testEnginesFile, { force: true });
  stopping.abort();
};
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

try {
  rmSync(testEnginesFile, { force: true });
  const env = { ...process.env, ...addressVariablesOf(testAddresses) };
  const platform = await startPlatform({
    home: testHome,
    env,
    ownEngines: true,
    services: [],
    signal: stopping.signal,
    onProgress: show,
  });
  if (!stopping.signal.aborted) {
    writeFileSync(
      testEnginesFile,
      `${JSON.stringify({ ...testAddresses, supervisorPid: process.pid }, undefined, 2)}\n`,
    );
    say('The test engines are ready.');
  }
  await platform.stopped;
  rmSync(testEnginesFile, { force: true });
  say('The test engines are stopped.');
} catch (error) {
  rmSync(testEnginesFile, { force: true });
  process.stderr.write(
    `${error instanceof Problem ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = 1;
}
