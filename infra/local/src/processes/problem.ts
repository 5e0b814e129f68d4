/**
 * Something the person at the keyboard can do something about. Its message is one clear sentence (or two): what, and
 * what to do. It is shown without a stack trace.
 */
export class Problem extends Error {
  override readonly name = 'Problem';
}
