/** The pure parts of `scripts/test.mjs`. */

/** Whether the tests asked for run deployables from their build: all but runs of chosen projects without e2e. */
export function needsBuild(args) {
  const at = args.indexOf('--selectProjects');
  if (at < 0) return true;
  const end = args.findIndex((arg, index) => index > at && arg.startsWith('-'));
  return args.slice(at + 1, end < 0 ? undefined : end).includes('e2e');
}

/** Arguments of ours, taken out of those for jest. `--every-engine`: a search server that cannot be tested fails the run. */
export function ownArguments(args) {
  const everyEngine = args.includes('--every-engine');
  return { everyEngine, args: args.filter((arg) => arg !== '--every-engine') };
}

/** Whether one of these test files, given as their texts, runs on every kind of search server. */
export function needsElasticsearch(texts) {
  return texts.some((text) => text.includes('testSearchServers('));
}

/** Which search servers the search contracts ran on; `missing` says why Elasticsearch was not one of them. */
export function searchLine(missing) {
  return missing === undefined
    ? 'The search contracts ran on OpenSearch and on Elasticsearch 9.'
    : `The search contracts ran on OpenSearch alone, not on Elasticsearch 9: ${missing}`;
}

/**
 * `N passed, N failed` (and `, N skipped`), from jest's results. A file that could not be run counts as one failure; so
 * do absent results.
 */
export function closingLine(results) {
  if (results === undefined) return '0 passed, 1 failed';
  const failed = results.numFailedTests + (results.numRuntimeErrorTestSuites ?? 0);
  const skipped = (results.numPendingTests ?? 0) + (results.numTodoTests ?? 0);
  return `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
