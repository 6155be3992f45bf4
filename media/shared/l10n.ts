/** The view's texts in the person's language: `t` works as `vscode.l10n.t` does, over the texts the extension sent. */

let texts: Readonly<Record<string, string>> = {};
let language = "en";

/** Takes the translations; a text that is missing stays English. */
export function setTexts(given: Readonly<Record<string, string>>, tag: string): void {
  texts = given;
  language = supported(tag);
}

/** A text by its English wording, with `{0}`, `{1}`, … filled in. */
export function t(english: string, ...values: readonly (string | number)[]): string {
  return (texts[english] ?? english).replace(/\{(\d+)\}/gu, (hole, index: string) =>
    String(values[Number(index)] ?? hole),
  );
}

/** A whole number with the language's separators. */
export function whole(value: number): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: 0 }).format(value);
}

/** A value in [-1, 1] with its sign: `+0.78`, `−0.50`. */
export function signed(value: number): string {
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
    signDisplay: "exceptZero",
  })
    .format(value)
    .replace("-", "−");
}

/** A number with at most `digits` decimals. */
export function decimal(value: number, digits: number): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

/** A share as a percentage. */
export function percent(share: number, digits = 0): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits }).format(share);
}

/** A time span a person can grasp: `3 ms`, `0.4 s`, `12 s`, `3 min`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds > 0 && seconds < 0.1) return t("{0} ms", decimal(seconds * 1000, seconds < 0.01 ? 1 : 0));
  if (seconds < 10) return t("{0} s", decimal(seconds, 1));
  if (seconds < 90) return t("{0} s", whole(seconds));
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return t("{0} min", minutes);
  return t("{0} h {1} min", Math.floor(minutes / 60), minutes % 60);
}

/** Date and time, short. */
export function moment(iso: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

function supported(tag: string): string {
  try {
    return Intl.getCanonicalLocales(tag)[0] ?? "en";
  } catch {
    return "en";
  }
}
