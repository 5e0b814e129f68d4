import { z } from 'zod';
import { PlatformError } from '../errors/index.ts';
import { Secret } from './secret.ts';

export { Secret } from './secret.ts';
export { connectionSettings, namingSettings, serviceSettings } from './settings.ts';
export { z };

/** One setting: the environment variable's name, its schema (with default) and one line for the README's table. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  readonly env: string;
  readonly schema: S;
  readonly description: string;
  /** Wraps the value in `Secret`, so that printing or logging it shows nothing. */
  readonly secret?: boolean;
  /** A default that is refused where NODE_ENV=production. */
  readonly demoOnly?: unknown;
}

export type Settings = Readonly<Record<string, Setting>>;
export type ConfigOf<T extends Settings> = {
  readonly [K in keyof T]: T[K] extends { secret: true } ? Secret : z.output<T[K]['schema']>;
};

export function setting<S extends z.ZodType>(env: string, schema: S, description: string): Setting<S> {
  return { env, schema, description };
}

export function secretSetting(
  env: string,
  description: string,
  demoDefault: string,
): Setting<z.ZodType<string>> & { secret: true } {
  return {
    env,
    schema: z.string().min(16).default(demoDefault),
    description,
    secret: true,
    demoOnly: demoDefault,
  };
}

/**
 * Parses every setting once, at start, and freezes the result.
 * Throws `config-invalid` naming every problem together, so that one restart mends them all.
 */
export function loadConfig<T extends Settings>(settings: T, env: NodeJS.ProcessEnv = process.env): ConfigOf<T> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(settings)) {
    const raw = env[entry.env];
    const parsed = entry.schema.safeParse(raw === '' ? undefined : raw);
    if (!parsed.success) {
      problems.push(`${entry.env}: ${parsed.error.issues.map((issue) => issue.message).join('; ')}`);
      continue;
    }
    if (entry.demoOnly !== undefined && parsed.data === entry.demoOnly && env['NODE_ENV'] === 'production') {
      problems.push(`${entry.env}: still has its demo default, which production refuses; set it`);
    }
    values[name] = entry.secret === true ? new Secret(String(parsed.data)) : parsed.data;
  }
  if (problems.length > 0) {
    throw new PlatformError('config-invalid', `settings: ${problems.join(' | ')}`, { context: { problems } });
  }
  return Object.freeze(values) as ConfigOf<T>;
}

/** The process's environment as it is, for those that pass it on to processes they start. Settings are read by `loadConfig`. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
