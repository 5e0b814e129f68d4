import type { RestartPolicy } from './backoff.ts';

/** Life of one supervised process. `failed` means given up: nothing more happens by itself. */
export type ProcessState =
  'waiting' | 'starting' | 'ready' | 'unhealthy' | 'restarting' | 'stopping' | 'stopped' | 'failed';

/** A port that a process opens, and the variable that moves it (for the sentence said when it is taken). */
export interface PortUse {
  readonly port: number;
  readonly variable: string;
}

/**
 * One process to run and keep running; engines and deployables alike.
 *
 * Guarantees of whoever runs it: `prepare` and a free-port check come before every start; `check` is repeated until it
 * resolves (ready) and then from time to time (a rejection, or a sentence, makes the process `unhealthy`, never restarts it: only its
 * end does; a new sentence is told); stopping sends `stopSignal`, waits `stopTimeoutMs`, then kills.
 */
export interface ProcessSpec {
  readonly name: string;
  readonly title: string;
  readonly kind: 'engine' | 'service';
  readonly version: string;
  /** The port people connect to, shown by `status`; null when it has none. */
  readonly port: number | null;
  readonly ports: readonly PortUse[];
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Added to the supervisor's own environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Another OS user to run as (only when we are root). */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** A part of the command line that no foreign process has: how leftovers of a dead supervisor are recognised. */
  readonly marker: string;
  readonly dependsOn: readonly string[];
  readonly stopSignal: NodeJS.Signals;
  readonly stopTimeoutMs: number;
  readonly readyTimeoutMs: number;
  readonly restart: RestartPolicy;
  readonly prepare?: () => Promise<void>;
  /** Resolves when the process can do its work, with a sentence where not all of it; must settle within a few seconds. */
  readonly check: () => Promise<void> | Promise<string | null>;
}

/** One item of `millrace status --json`. */
export interface ProcessStatus {
  readonly name: string;
  readonly pid: number | null;
  readonly port: number | null;
  readonly state: ProcessState;
  readonly version: string;
  readonly restarts: number;
}
