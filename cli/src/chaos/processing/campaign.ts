import { createInterface } from 'node:readline';
import { PlatformError } from '@millrace/kernel/errors';
import { startProgram } from '../../child-program.ts';

export interface ProcessingChaosOptions {
  readonly seed: number;
  readonly seeds: number;
  /** Whether tasks keep snapshots of their state, on disks that are damaged or left behind. */
  readonly snapshots: boolean;
  /** Whether processes keep standbys of tasks that others run. */
  readonly standbys: boolean;
  /** Whether the first releases park accounts, which are redriven at any moment. */
  readonly redrives: boolean;
  readonly note: (text: string) => void;
}

export interface ProcessingChaosReport {
  readonly campaign: 'processing';
  readonly seed: number;
  readonly seeds: number;
  readonly snapshots: boolean;
  readonly standbys: boolean;
  readonly redrives: boolean;
  readonly faults: number;
  readonly seconds: number;
  /** Seeds that came to something else than the sequential run; the first fifty. */
  readonly failed: readonly FailedSeed[];
  readonly passed: boolean;
}

interface FailedSeed {
  readonly seed: number;
  readonly findings: readonly string[];
}

interface Line {
  readonly failed?: FailedSeed;
  readonly progress?: { readonly done: number; readonly perSecond: number };
  readonly sum?: { readonly failed: number; readonly faults: number; readonly seconds: number };
}

const MOST_SHOWN = 50;
const NOTE_EVERY = 12;

/** The tasks of the stream processors on an in-memory log, under schedules of faults drawn from one seed after the other; no engine. */
export async function processingCampaign(options: ProcessingChaosOptions): Promise<ProcessingChaosReport> {
  const { seed, seeds, snapshots, standbys, redrives, note } = options;
  const chosen = Object.entries({ snapshots, standbys, redrives }).flatMap(([name, isChosen]) =>
    isChosen ? [name] : [],
  );
  const child = startProgram('stream-processors', 'simulation/main.js', {
    SEED: String(seed),
    SEEDS: String(seeds),
    WITH: chosen.join(),
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const failed: FailedSeed[] = [];
  let sum: Line['sum'];
  let told = 0;
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line;
    if (line.failed !== undefined && failed.length < MOST_SHOWN) {
      failed.push(line.failed);
      note(`seed ${line.failed.seed}: ${line.failed.findings.join('; ')}`);
    }
    if (line.progress !== undefined && told++ % NOTE_EVERY === 0) {
      note(`${line.progress.done} of ${seeds} seeds, ${Math.round(line.progress.perSecond)} a second`);
    }
    sum ??= line.sum;
  }
  const code = await ended;
  if (sum === undefined) throw new PlatformError('internal', `the simulation ended with ${code ?? 'a signal'}`);
  const { faults, seconds } = sum;
  return {
    campaign: 'processing',
    seed,
    seeds,
    snapshots,
    standbys,
    redrives,
    faults,
    seconds,
    failed,
    passed: sum.failed === 0,
  };
}
