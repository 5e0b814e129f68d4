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

export function atLeast(name: string, value: number, bar: number, unit: string): Bar {
  return { name, value, bar, unit, pass: value >= bar };
}

export function atMost(name: string, value: number, bar: number, unit: string): Bar {
  return { name, value, bar, unit, pass: value <= bar };
}

/** The middle one, of an even number the higher of the two; `NaN` of none, which meets no bar. */
export function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;
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
