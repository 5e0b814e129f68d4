import { readFileSync } from 'node:fs';
import { setting, z } from '@millrace/kernel/config';
import { PlatformError, asPlatformError } from '@millrace/kernel/errors';
import { parseDeclaration, shopDeclaration } from './declaration.ts';
import type { CaptureDeclaration } from './declaration.ts';

/** The file's declaration. Throws `config-invalid`. */
export function readDeclaration(path: string): CaptureDeclaration {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new PlatformError('config-invalid', `${path} cannot be read`, { cause: error });
  }
  return parseDeclaration(text);
}

/** The declaration with the file it came from; null for the shop's own. */
export const declarationSetting = setting(
  'CAPTURE_TABLES',
  z
    .string()
    .optional()
    .transform((path, context): { readonly file: string | null; readonly declaration: CaptureDeclaration } => {
      if (path === undefined) return { file: null, declaration: shopDeclaration };
      try {
        return { file: path, declaration: readDeclaration(path) };
      } catch (error) {
        context.addIssue(asPlatformError(error).message);
        return z.NEVER;
      }
    }),
  "JSON file that says which tables go into which cdc topic (docs/captured-tables.md); without it, the shop's tables",
);
