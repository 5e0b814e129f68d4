import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PlatformError } from '@millrace/kernel/errors';

/** A program of another workspace, from its build, for a process of its own; as far from here in the sources as in the build. */
export function builtProgram(workspace: string, name: string): string {
  const path = fileURLToPath(new URL(`../../${workspace}/dist/${name}`, import.meta.url));
  if (existsSync(path)) return path;
  throw new PlatformError('prerequisite-missing', `${workspace} is not built: npm run build`);
}
