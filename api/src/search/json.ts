/** Part of a request to the search server. */
export type Json = Readonly<Record<string, unknown>>;
