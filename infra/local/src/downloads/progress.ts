/** What a first start is fetching just now. */
export interface DownloadProgress {
  readonly what: string;
  /** 1-based place among the things to fetch in this run. */
  readonly index: number;
  readonly count: number;
  readonly files: number;
  readonly bytes: number;
  readonly expectedBytes: number;
  readonly state: 'fetching' | 'done';
}

const units: Readonly<Record<string, number>> = { B: 1, kB: 1000, MB: 1_000_000, GB: 1_000_000_000 };

/** Size of the file that a line of Maven's output says it has fetched, in bytes; undefined for any other line. */
export function downloadedBytes(line: string): number | undefined {
  const match = /Downloaded from [^:]+: \S+ \(([\d.]+) ([kMG]?B)/.exec(line);
  const unit = units[match?.[2] ?? ''];
  return match?.[1] === undefined || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** Megabytes with one digit below 10, none above. */
export function megabytes(bytes: number): string {
  const value = bytes / 1_000_000;
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} MB`;
}

/** One line for people: `Fetching Kafka 4.3.1 (2 of 4): 12 MB of about 57 MB, 31 files`. */
export function progressLine(progress: DownloadProgress): string {
  const place = `${progress.what} (${progress.index} of ${progress.count})`;
  if (progress.state === 'done') return `Fetched ${place}: ${megabytes(progress.bytes)}, ${progress.files} files`;
  const expected = progress.bytes > progress.expectedBytes ? '' : ` of about ${megabytes(progress.expectedBytes)}`;
  return `Fetching ${place}: ${megabytes(progress.bytes)}${expected}, ${progress.files} files`;
}
