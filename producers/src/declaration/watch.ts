import { isDeepStrictEqual } from 'node:util';
import { asPlatformError } from '@millrace/kernel/errors';
import type { Logger } from '@millrace/kernel/telemetry';
import type { CaptureDeclaration } from './declaration.ts';
import { readDeclaration } from './setting.ts';

export interface DeclarationWatchOptions {
  /** Null: the shop's own declaration, which does not change. */
  readonly file: string | null;
  readonly current: CaptureDeclaration;
  readonly everyMs: number;
  readonly logger: Logger;
  /** Another declaration, read and valid. Called once. */
  readonly onChange: (declaration: CaptureDeclaration) => void;
}

/** Looks at the file from time to time. One that is not valid is logged, and the present declaration stays. Answers what ends it. */
export function watchDeclaration({ file, current, everyMs, logger, onChange }: DeclarationWatchOptions): () => void {
  if (file === null) return () => undefined;
  let said = '';
  const look = (): void => {
    try {
      const declaration = readDeclaration(file);
      said = '';
      if (isDeepStrictEqual(declaration, current)) return;
      clearInterval(timer);
      onChange(declaration);
    } catch (error) {
      const { message } = asPlatformError(error);
      if (message !== said) logger.error({ file }, `${message}; the declaration from before stays`);
      said = message;
    }
  };
  const timer = setInterval(look, everyMs);
  return () => clearInterval(timer);
}
