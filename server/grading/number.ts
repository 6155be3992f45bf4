/** Exact numbers as answers are written: integers, decimals, fractions, separators, percent, money, powers of ten. */

/** A rational number in lowest terms with a positive denominator, and how it was written. */
export interface ExactNumber {
  readonly numerator: bigint;
  readonly denominator: bigint;
  /** Digits after the decimal point when it was written as a decimal; null for integers, fractions and the like. */
  readonly decimals: number | null;
  /** How many digits it was written with, leading zeros aside; 0 when not a decimal. */
  readonly digits: number;
  /** Whether a percent sign follows; the value is then already divided by 100. */
  readonly percent: boolean;
}

/** More digits, or a larger power of ten, than any answer has; beyond it the text is no number here. */
const MAX_DIGITS = 1000;

const DECIMAL = String.raw`(?:\d{1,3}(?:,\d{3})+(?:\.\d*)?|\d+(?:\.\d*)?|\.\d+)`;
const SIGNED = String.raw`[+-]?\s*${DECIMAL}`;
const BRACED = String.raw`\{\s*(${SIGNED})\s*\}|(\d)`;
const POWER = String.raw`10\s*(?:\^|\*\*)\s*(?:\{\s*([+-]?\d{1,4})\s*\}|\(\s*([+-]?\d{1,4})\s*\)|([+-]?\d{1,4}))`;

const PLAIN = new RegExp(`^(${DECIMAL})(?:[eE]([+-]?\\d{1,4}))?$`);
const SLASH = new RegExp(`^(${DECIMAL})\\s*/\\s*(${SIGNED})$`);
const MIXED = /^(\d+) (\d+)\s*\/\s*(\d+)$/;
const FRAC = new RegExp(`^(?:(\\d+)\\s*)?\\\\frac\\s*(?:${BRACED})\\s*(?:${BRACED})$`);
const SCIENTIFIC = new RegExp(`^(?:(${DECIMAL})\\s*(?:\\\\times|\\\\cdot|\\*|x)\\s*)?${POWER}$`);

/**
 * Reads a normalised answer (`normalizeAnswer`) as an exact number: `1,234.50`, `-3/4`, `\frac{1}{2}`, `1 1/2`,
 * `1.5e-3`, `2 \times 10^{5}`, `12%`, `\$5`. Null for anything else. No floating point is involved.
 */
export function parseNumber(text: string): ExactNumber | null {
  if (text.length > MAX_DIGITS) return null;
  let rest = text.trim();
  const percent = /\s*\\?%$/.exec(rest);
  if (percent !== null) rest = rest.slice(0, percent.index);
  let sign = 1n;
  // The sign may stand before or after the currency: `-$5`, `$-5`.
  const head = /^([+-]?)\s*(?:\\?\$|[€£])?\s*([+-]?)\s*/.exec(rest);
  if (head !== null) {
    const [all, before, after] = head;
    if (before !== "" && after !== "") return null;
    if (before === "-" || after === "-") sign = -1n;
    rest = rest.slice(all.length);
  }
  const parsed = unsigned(rest);
  if (parsed === null) return null;
  const { numerator, denominator, decimals, digits } = parsed;
  const scale = percent === null ? 1n : 100n;
  return { ...reduce(sign * numerator, denominator * scale), decimals, digits, percent: percent !== null };
}

type Unsigned = Omit<ExactNumber, "percent">;

function unsigned(text: string): Unsigned | null {
  const plain = PLAIN.exec(text);
  if (plain !== null) return scaled(decimal(plain[1] ?? ""), plain[2]);
  const slash = SLASH.exec(text);
  if (slash !== null) return divided(decimal(slash[1] ?? ""), decimal(slash[2] ?? ""), 0n);
  const mixed = MIXED.exec(text);
  if (mixed !== null)
    return divided(decimal(mixed[2] ?? ""), decimal(mixed[3] ?? ""), BigInt(mixed[1] ?? "0"));
  const frac = FRAC.exec(text);
  if (frac !== null) {
    const over = decimal(frac[2] ?? frac[3] ?? "");
    const under = decimal(frac[4] ?? frac[5] ?? "");
    const whole = BigInt(frac[1] ?? "0");
    if (frac[1] !== undefined && (over.numerator <= 0n || under.numerator <= 0n)) return null;
    return divided(over, under, whole);
  }
  const scientific = SCIENTIFIC.exec(text);
  if (scientific !== null)
    return scaled(decimal(scientific[1] ?? "1"), scientific[2] ?? scientific[3] ?? scientific[4]);
  return null;
}

/** A signed decimal with or without thousands separators, as matched by SIGNED. */
function decimal(text: string): Unsigned {
  const negative = text.startsWith("-");
  const [whole = "", fraction] = text.replace(/[+\-\s,]/g, "").split(".");
  const written = whole + (fraction ?? "");
  const value = BigInt(written === "" ? "0" : written);
  return {
    ...reduce(negative ? -value : value, 10n ** BigInt(fraction?.length ?? 0)),
    decimals: fraction === undefined || fraction === "" ? null : fraction.length,
    digits: fraction === undefined ? 0 : written.replace(/^0+/, "").length,
  };
}

function scaled(value: Unsigned, exponent: string | undefined): Unsigned | null {
  if (exponent === undefined) return value;
  const power = Number(exponent);
  if (Math.abs(power) > MAX_DIGITS) return null;
  const factor = 10n ** BigInt(Math.abs(power));
  const exact =
    power >= 0
      ? reduce(value.numerator * factor, value.denominator)
      : reduce(value.numerator, value.denominator * factor);
  return { ...exact, decimals: null, digits: 0 };
}

function divided(over: Unsigned, under: Unsigned, whole: bigint): Unsigned | null {
  if (under.numerator === 0n) return null;
  const numerator = over.numerator * under.denominator;
  const denominator = over.denominator * under.numerator;
  return { ...reduce(numerator + whole * denominator, denominator), decimals: null, digits: 0 };
}

function reduce(numerator: bigint, denominator: bigint): { numerator: bigint; denominator: bigint } {
  let [a, b] = [numerator < 0n ? -numerator : numerator, denominator < 0n ? -denominator : denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  const divisor = (a === 0n ? 1n : a) * (denominator < 0n ? -1n : 1n);
  return { numerator: numerator / divisor, denominator: denominator / divisor };
}

/** Whether two numbers have the same value. */
export function sameValue(a: ExactNumber, b: ExactNumber): boolean {
  return a.numerator === b.numerator && a.denominator === b.denominator;
}

/**
 * Whether the one that is a decimal of at least two digits is the other, rounded (half away from zero, or half to
 * even) to as many decimals; of two decimals the shorter one decides. Symmetric.
 */
export function sameWhenRounded(a: ExactNumber, b: ExactNumber): boolean {
  if (a.percent !== b.percent) return false;
  const [coarse, fine] = (a.decimals ?? Infinity) <= (b.decimals ?? Infinity) ? [a, b] : [b, a];
  if (coarse.decimals === null || coarse.digits < 2) return false;
  const unit = 10n ** BigInt(coarse.decimals) * (coarse.percent ? 100n : 1n);
  // |coarse - fine| <= half a unit in the last place: 2 * unit * |difference| <= 1.
  const difference = coarse.numerator * fine.denominator - fine.numerator * coarse.denominator;
  const size = difference < 0n ? -difference : difference;
  return 2n * unit * size <= coarse.denominator * fine.denominator;
}
