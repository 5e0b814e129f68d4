/** Decimal exponents from which Postgres prints a float in scientific notation. */
const REAL_SCIENTIFIC_FROM = 6;
const DOUBLE_SCIENTIFIC_FROM = 15;
const SCIENTIFIC_BELOW = -4;

/** A float4's text. `value` is the double nearest to its decimal text, whose at most 9 digits any double gives back. */
export function realText(value: number): string {
  return special(value) ?? notation(digitsOf(value.toExponential()), REAL_SCIENTIFIC_FROM);
}

/** A float8's text, in the shortest form as Postgres understands it. */
export function doubleText(value: number): string {
  return special(value) ?? notation(shortest(value), DOUBLE_SCIENTIFIC_FROM);
}

function special(value: number): string | null {
  if (Number.isNaN(value)) return 'NaN';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  return Number.isFinite(value) ? null : String(value);
}

/** `d₁.d₂… · 10^exponent`, sign apart. */
interface Decimal {
  readonly negative: boolean;
  readonly digits: string;
  readonly exponent: number;
}

function digitsOf(exponential: string): Decimal {
  const [mantissa = '', exponent = '0'] = exponential.split('e');
  const digits = mantissa.replace(/[-.]/g, '').replace(/0+$/, '');
  return { negative: mantissa.startsWith('-'), digits, exponent: Number(exponent) };
}

function notation({ negative, digits, exponent }: Decimal, scientificFrom: number): string {
  const sign = negative ? '-' : '';
  if (exponent < SCIENTIFIC_BELOW || exponent >= scientificFrom) {
    const rest = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits.slice(0, 1)}${rest}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  const fraction = digits.slice(exponent + 1);
  return sign + whole + (fraction === '' ? '' : `.${fraction}`);
}

/** The most digits that a double needs. */
const MAX_DIGITS = 17;

/**
 * JavaScript and Postgres both print the shortest decimal that reads back as the same double; but half way between two doubles lies a decimal
 * that JavaScript takes (it reads back as the even one) and Postgres does not.
 */
function shortest(value: number): Decimal {
  const shortestHere = digitsOf(value.toExponential());
  if (!isHalfway(value, shortestHere)) return shortestHere;
  for (let precision = shortestHere.digits.length; precision < MAX_DIGITS; precision++) {
    const candidate = value.toExponential(precision);
    const decimal = digitsOf(candidate);
    if (Number(candidate) === value && !isHalfway(value, decimal)) return decimal;
  }
  return digitsOf(value.toExponential(MAX_DIGITS - 1));
}

const FRACTION_BITS = 52n;
const EXPONENT_BIAS = 1075n;
const view = new DataView(new ArrayBuffer(8));

/** Whether the decimal lies exactly half way between the double and its neighbour (or at the closer bound below a power of two). */
function isHalfway(value: number, { digits, exponent }: Decimal): boolean {
  view.setFloat64(0, Math.abs(value));
  const bits = view.getBigUint64(0);
  const fraction = bits & ((1n << FRACTION_BITS) - 1n);
  const biased = bits >> FRACTION_BITS;
  const mantissa = biased === 0n ? fraction : fraction | (1n << FRACTION_BITS);
  // Everything times 4, so that the bounds are whole: value = 4·mantissa·2^power, half way = (4·mantissa ± 2)·2^power.
  const power = (biased === 0n ? 1n : biased) - EXPONENT_BIAS - 2n;
  const scale = BigInt(exponent - digits.length + 1);
  const decimal = BigInt(digits) * 10n ** positive(scale) * 2n ** positive(-power);
  const unit = 10n ** positive(-scale) * 2n ** positive(power);
  const lower = fraction === 0n && biased > 1n ? 1n : 2n;
  return decimal === (4n * mantissa + 2n) * unit || decimal === (4n * mantissa - lower) * unit;
}

function positive(power: bigint): bigint {
  return power > 0n ? power : 0n;
}
