/** An identifier in quotes, for a statement. Values never go into a statement's text. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quotedTable({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${quoted(schema)}.${quoted(table)}`;
}
