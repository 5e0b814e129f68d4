import { table } from '../output.ts';

/** One measured value beside its bar. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly bar: number;
  readonly unit: string;
  readonly pass: boolean;
}

export interface BenchReport {
  readonly name: string;
  readonly bars: readonly Bar[];
  /** What else was measured, without a bar. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export interface BenchOptions {
  readonly seconds?: number | undefined;
  readonly tps?: number | undefined;
  readonly runs?: number | undefined;
  readonly rows?: number | undefined;
  readonly large?: number | undefined;
  /** Parts of it, separated by commas; all where it is not given. */
  readonly only?: string | undefined;
  readonly note: (text: string) => void;
}

export function reportText(report: BenchReport): string {
  const rows = report.bars.map(({ name, value, bar, unit, pass }) => [
    name,
    `${value.toFixed(value < 100 ? 2 : 0)} ${unit}`.trim(),
    `${bar} ${unit}`.trim(),
    pass ? 'met' : 'MISSED',
  ]);
  const facts = Object.entries(report.facts ?? {}).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return [report.name, table([['what', 'measured', 'bar', ''], ...rows]), ...facts].join('\n');
}
