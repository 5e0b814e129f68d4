import { avroType } from '../avro/index.ts';

export interface NamedSchema {
  readonly name: string;
  readonly namespace?: string;
}

export function fullName({ name, namespace }: NamedSchema): string {
  return namespace === undefined ? name : `${namespace}.${name}`;
}

/** Why a reader with schema `newer` could not read what was written with `older`; null where it can (BACKWARD). */
export function incompatibility(newer: unknown, older: unknown): string | null {
  try {
    avroType(newer as never).createResolver(avroType(older as never));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
