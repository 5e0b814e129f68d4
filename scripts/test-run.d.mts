export function needsBuild(args: readonly string[]): boolean;
export function closingLine(
  results:
    | {
        readonly numPassedTests: number;
        readonly numFailedTests: number;
        readonly numRuntimeErrorTestSuites?: number;
        readonly numPendingTests?: number;
        readonly numTodoTests?: number;
      }
    | undefined,
): string;
