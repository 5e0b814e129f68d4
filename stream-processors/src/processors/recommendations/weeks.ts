/** How often, by the number of the week. */
export type Weeks = Readonly<Record<string, number>>;

const HOUR_US = 3600 * 1_000_000;
const WEEK_HOURS = 7 * 24;
const WEEK_US = WEEK_HOURS * HOUR_US;
/** A week that is older counts nothing. */
export const WINDOW_WEEKS = 52;
/** After this time no product counts an order any more, whichever its weeks are. */
export const FORGOTTEN_US = (WINDOW_WEEKS + 1) * WEEK_US;

/**
 * What a purchase is worth by its age in weeks, in millionths: half of it every four weeks, 2 to the power of -age/4, rounded. Written out, so that every
 * sum is of whole numbers and the same on every machine.
 */
// prettier-ignore
export const weights: readonly number[] = [
  1_000_000, 840_896, 707_107, 594_604,
  500_000, 420_448, 353_553, 297_302,
  250_000, 210_224, 176_777, 148_651,
  125_000, 105_112, 88_388, 74_325,
  62_500, 52_556, 44_194, 37_163,
  31_250, 26_278, 22_097, 18_581,
  15_625, 13_139, 11_049, 9_291,
  7_813, 6_570, 5_524, 4_645,
  3_906, 3_285, 2_762, 2_323,
  1_953, 1_642, 1_381, 1_161,
  977, 821, 691, 581,
  488, 411, 345, 290,
  244, 205, 173, 145,
];

/**
 * A product's weeks begin at an hour of the week that follows from the last four digits of its id, so that not all products lose their oldest week at the
 * same moment.
 */
function phaseUs(productId: string): number {
  const digits = Number.parseInt(productId.slice(-4), 16);
  return Number.isNaN(digits) ? 0 : (digits % WEEK_HOURS) * HOUR_US;
}

export function weekOf(productId: string, us: number): number {
  return Math.floor((us - phaseUs(productId)) / WEEK_US);
}

export function beginUs(productId: string, week: number): number {
  return week * WEEK_US + phaseUs(productId);
}

/** When the week stops counting. */
export function endUs(productId: string, week: number): number {
  return beginUs(productId, week + WINDOW_WEEKS);
}

/** The weeks with one more purchase, or one less, in a week. */
export function counted(weeks: Weeks, week: number, by: 1 | -1): Weeks {
  const { [week]: held = 0, ...others } = weeks;
  return held + by === 0 ? others : { ...others, [week]: held + by };
}

/** Those that end after this time; the same object where all do. */
export function remaining(productId: string, weeks: Weeks, nowUs: number): Weeks {
  const kept = Object.entries(weeks).filter(([week]) => endUs(productId, Number(week)) > nowUs);
  return kept.length === Object.keys(weeks).length ? weeks : Object.fromEntries(kept);
}

export function newest(weeks: Weeks): number | null {
  const numbers = Object.keys(weeks).map(Number);
  return numbers.length === 0 ? null : Math.max(...numbers);
}

export function oldest(weeks: Weeks): number | null {
  const numbers = Object.keys(weeks).map(Number);
  return numbers.length === 0 ? null : Math.min(...numbers);
}

export const isEmpty = (weeks: Weeks): boolean => Object.keys(weeks).length === 0;
