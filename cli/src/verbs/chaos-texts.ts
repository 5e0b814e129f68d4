import type {
  CaptureChaosReport,
  ProcessingChaosReport,
  ProcessorsChaosReport,
  StallReport,
  TypesReport,
  ViewsChaosReport,
} from '../chaos/index.ts';
import { table } from '../output.ts';

export function captureText(report: CaptureChaosReport): string {
  const { seed, findings, passed, seconds } = report;
  const brokers = report.brokers === null ? ' --engines running' : ` --brokers ${report.brokers}`;
  return [
    numbersOf(report),
    ...findings,
    passed
      ? `Nothing lost, duplicated or reordered in ${seconds} s (seed ${seed}).`
      : `FAILED: \`millrace chaos capture --seed ${seed} --kills ${report.kills}${brokers}\` has the same schedule again.`,
  ].join('\n');
}

export function processingText(report: ProcessingChaosReport): string {
  const { seed, seeds, snapshots, standbys, redrives, faults, seconds, failed, passed } = report;
  const chosen = `${snapshots ? ' --snapshots' : ''}${standbys ? ' --standbys' : ''}${redrives ? ' --redrives' : ''}`;
  const lines = failed.map(({ seed: one, findings }) => {
    const again = `millrace chaos processing --seed ${one} --seeds 1${chosen}`;
    return `seed ${one}: ${findings.join('; ')}\n  again: ${again}`;
  });
  const end = seed + seeds - 1;
  const sum = `${seeds} seeds (${seed} to ${end})${chosen.replaceAll(' --', ', with ')}, ${faults} faults in ${Math.round(seconds)} s`;
  return [...lines, `${sum}: ${passed ? 'no difference from the sequential runs' : 'FAILED'}`].join('\n');
}

export function stallText({
  how,
  seed,
  stalledSeconds,
  disconnects,
  findings,
  passed,
  ...report
}: StallReport): string {
  return [
    numbersOf(report),
    ...findings,
    `${passed ? 'Nothing lost' : 'FAILED'} in ${stalledSeconds} s of ${how}, ${disconnects} disconnects (seed ${seed}).`,
  ].join('\n');
}

export function typesText(report: TypesReport): string {
  const { types, values, snapshotRows, streamRows, leftOut, differences, seed } = report;
  const lines = differences.map(
    ({ type, from, postgres, kafka }) =>
      `${type} from the ${from}: Postgres prints ${JSON.stringify(postgres)}, read back ${JSON.stringify(kafka)}`,
  );
  return [
    `${types} types, ${values} values in ${snapshotRows} snapshot and ${streamRows} stream rows: ${differences.length} differences (seed ${seed})`,
    ...(leftOut.length > 0 ? [`left out, this server being built without: ${leftOut.join(', ')}`] : []),
    ...lines,
  ].join('\n');
}

export function roadText(report: ViewsChaosReport | ProcessorsChaosReport): string {
  const { campaign, seed, findings, passed, seconds } = report;
  return [
    numbersOf(report),
    ...findings,
    passed
      ? `No view differs from the tables after ${seconds} s (seed ${seed}).`
      : `FAILED: \`millrace chaos ${campaign} --seed ${seed} --kills ${report.kills}\` has the same schedule again.`,
  ].join('\n');
}

/** Every number of a report, by its name. */
function numbersOf(report: object): string {
  const rows = Object.entries(report)
    .filter(([, value]) => typeof value === 'number')
    .map(([name, value]) => [name, value as number]);
  return table([['what', 'number'], ...rows]);
}
