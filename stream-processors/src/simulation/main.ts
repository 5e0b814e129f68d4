import { environment } from '@millrace/kernel/config';
import { Checker, Place, bankWithPoison } from './index.ts';
import type { SeedReport } from './index.ts';

/**
 * For `millrace chaos processing`, as a process of its own: `SEEDS` seeds from `SEED` on, `WITH` snapshots, standbys, redrives, some of them or none. Prints a line of JSON for each that
 * failed, one of progress now and then, and the sum at the end.
 */
const { SEED = '0', SEEDS = '1000', WITH = '' } = environment();
const first = Number(SEED);
const seeds = Number(SEEDS);
const place = await Place.open(WITH.includes('redrives') ? bankWithPoison() : undefined);
const checker = new Checker(place, {
  snapshots: WITH.includes('snapshots'),
  standbys: WITH.includes('standbys'),
});
const print = (line: Readonly<Record<string, unknown>>): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const beganMs = performance.now();
let told = beganMs;
let failed = 0;
let faults = 0;
for (let seed = first; seed < first + seeds; seed++) {
  const report: SeedReport = await checker.check(seed);
  faults += report.faults;
  if (report.findings.length > 0) {
    failed++;
    print({ failed: report });
  }
  if (performance.now() - told < 5_000) continue;
  told = performance.now();
  print({ progress: { done: seed - first + 1, perSecond: (seed - first + 1) / ((told - beganMs) / 1000) } });
}
const seconds = (performance.now() - beganMs) / 1000;
print({ sum: { first, seeds, failed, faults, seconds } });
