export function ownArguments(args: readonly string[]): { readonly everyEngine: boolean; readonly args: string[] };
export function needsElasticsearch(texts: readonly string[]): boolean;
export function searchLine(missing?: string): string;
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
