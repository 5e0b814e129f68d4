/**
 * Runs the Elasticsearch that the search contracts are tested on, in the foreground, until SIGINT or SIGTERM. Fetched first where it is
 * missing. Where there is no Java for it, the reason is left in its file and the exit code is 3.
 * Run through `scripts/test.mjs`, which loads TypeScript first.
 */
/* global AbortController */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { elasticsearchDownload, ensureDownloads } from '@millrace/infra-local/downloads';
import { elasticsearchSpec, findElasticsearchJava } from '@millrace/infra-local/engines';
import { homeOf, Problem, progressLine, startPlatform } from '@millrace/infra-local/supervisor';
import { testElasticsearchFile, testElasticsearchPort, testHome } from '@millrace/infra-local/testing';

const say = (text) => process.stdout.write(`${text}\n`);
const write = (content) => writeFileSync(testElasticsearchFile, `${JSON.stringify(content)}\n`);

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => stopping.abort());

const signal = stopping.signal;
const onProgress = (progress) => progress.files === 0 && say(progressLine(progress));
const home = homeOf(`${testHome.folder}/elasticsearch`, testHome.downloads);

function javaOrReason() {
  try {
    return findElasticsearchJava(process.env);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    write({ missing: error.message });
    return undefined;
  }
}

async function run() {
  mkdirSync(testHome.folder, { recursive: true });
  const java = javaOrReason();
  if (java === undefined) return 3;
  await ensureDownloads(testHome.downloads, [elasticsearchDownload], { onProgress, signal });
  const port = Number(process.env.TEST_ELASTICSEARCH_PORT ?? testElasticsearchPort);
  const spec = await elasticsearchSpec(home, port, java);
  const platform = await startPlatform({ home, env: process.env, engines: [spec], services: [], signal });
  const withdraw = () => rmSync(testElasticsearchFile, { force: true });
  signal.addEventListener('abort', withdraw, { once: true });
  if (!signal.aborted) {
    write({ supervisorPid: process.pid, url: `http://127.0.0.1:${port}` });
    say(`Elasticsearch ${spec.version} is ready on port ${port}`);
  }
  await platform.stopped;
  withdraw();
  return 0;
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(
    `${error instanceof Problem ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = 1;
}
