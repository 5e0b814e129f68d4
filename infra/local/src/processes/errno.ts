/** Whether an error of the system has this code. (Told by its field: an error may come from another realm.) */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
