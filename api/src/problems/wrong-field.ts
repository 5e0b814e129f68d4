import { PlatformError } from '@millrace/kernel/errors';

/** `validation-failed` for one field that only the database or a rule of the shop can judge. */
export function wrongField(field: string, message: string): PlatformError {
  return new PlatformError('validation-failed', `${field} ${message}.`, { context: { errors: [{ field, message }] } });
}
