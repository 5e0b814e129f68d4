/** Spans of event time. `fixed`: each time is in the same windows whatever else there is. `session`: values less than the gap apart share one. */
export type Windowing =
  | { readonly kind: 'fixed'; readonly sizeUs: number; readonly everyUs: number }
  | { readonly kind: 'session'; readonly gapUs: number };

/** From its first moment to the first after it, µs since 1970. */
export interface Span {
  readonly startUs: number;
  readonly endUs: number;
}

/** Windows side by side. */
export function tumbling(sizeUs: number): Windowing {
  return { kind: 'fixed', sizeUs: positive(sizeUs), everyUs: sizeUs };
}

/** Windows of `sizeUs`, one beginning every `everyUs`: each time is in `sizeUs / everyUs` of them. */
export function hopping(sizeUs: number, everyUs: number): Windowing {
  if (positive(sizeUs) % positive(everyUs) !== 0) throw new RangeError('the size must be a multiple of the hop');
  return { kind: 'fixed', sizeUs, everyUs };
}

/** Windows that end when nothing has come for `gapUs`. */
export function session(gapUs: number): Windowing {
  return { kind: 'session', gapUs: positive(gapUs) };
}

export const seconds = (n: number): number => n * 1_000_000;
export const minutes = (n: number): number => seconds(n * 60);
export const hours = (n: number): number => minutes(n * 60);
export const days = (n: number): number => hours(n * 24);

/** The fixed windows that a time is in, earliest first. They are aligned to 1970. */
export function spansOf({ sizeUs, everyUs }: { sizeUs: number; everyUs: number }, atUs: number): Span[] {
  const last = Math.floor(atUs / everyUs) * everyUs;
  const spans: Span[] = [];
  for (let startUs = last - sizeUs + everyUs; startUs <= last; startUs += everyUs) {
    spans.push({ startUs, endUs: startUs + sizeUs });
  }
  return spans;
}

function positive(us: number): number {
  if (!Number.isSafeInteger(us) || us <= 0) throw new RangeError('a window is a whole number of µs above 0');
  return us;
}
