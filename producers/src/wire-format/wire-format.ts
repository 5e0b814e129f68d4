import type { Relation } from '@millrace/schemas/cdc';
import type pg from 'pg';
import { WireTypes } from './wire-types.ts';

/** How Postgres is asked to send rows: `types` in binary form, or all as text where that is null; `said` is for whoever asks why. */
export interface WireFormat {
  readonly types: WireTypes | null;
  readonly said: string;
}

export const TEXT_FORMAT: WireFormat = { types: null, said: 'text' };

/** Binary, if every column of the captured tables has a type whose binary form is proven; else text, with the first column that has not. */
export async function chooseWireFormat(client: pg.Client, relations: readonly Relation[]): Promise<WireFormat> {
  const types = await WireTypes.load(client);
  for (const relation of relations) {
    const unproven = types.unproven(relation);
    if (unproven !== null) return textBecauseOf(unproven);
  }
  return { types, said: 'binary' };
}

export function textBecauseOf(column: string): WireFormat {
  return { types: null, said: `text: the binary form of ${column} is not proven` };
}
