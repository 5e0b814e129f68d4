/** The pure parts of `scripts/test.mjs`. */

/** Whether the tests asked for run deployables from their build: all but runs of chosen projects without e2e. */
export function needsBuild(args) {
  const at = args.indexOf('--selectProjects');
  if (at < 0) return true;
  const end = args.findIndex((arg, index) => index > at && arg.startsWith('-'));
  return args.slice(at + 1, end < 0 ? undefined : end).includes('e2e');
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
