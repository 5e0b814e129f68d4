export function javaMajor(text: string): number | undefined;
export function nodeIsRecent(version: string): boolean;
export function missingPrerequisites(found: {
  readonly node: string;
  readonly java: string | undefined;
  readonly maven: boolean;
  readonly platform: string;
}): string[];
export function requirePrerequisites(): void;
export function dependenciesAreStale(root: string): boolean;
export function installDependencies(root: string): void;
