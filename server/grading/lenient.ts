/** Takes away what stands around a value: `x = 3`, `The answer is 42 apples`, `90^\circ`, `5 \text{ cm}`. */
import { MAGNITUDES } from "./normalize.ts";

/** Words of formulas: no units, unless `\text` or a sentence around them says so. */
const FORMULA_WORDS = new Set(
  "pi e i sqrt sin cos tan cot sec csc log ln exp mod frac cdot infty oo binom choose by".split(" "),
);
/** Words that make another value of the number before them, wherever they stand: `5 or 6`, `7 out of 12`, `2 million`. */
const VALUE_WORDS = new Set([
  ...MAGNITUDES,
  ..."and or to over out plus minus times factorial percent squared cubed".split(" "),
  ..."two three four five six seven eight nine ten eleven twelve".split(" "),
]);
/** Units of two or three letters, and short words between units. Other letters that touch a number are variables. */
const SHORT_UNITS = new Set(
  "mm cm dm km nm kg mg ml dl cl kl mL dL kL lb lbs oz ft in yd mi qt pt gal hr hrs min sec ms mph kph kmh rad deg mol Hz kHz MHz GHz Pa kPa kW kWh kJ eV mA mV am pm AM PM USD EUR of an at on per sq cu".split(
    " ",
  ),
);
/** Single letters that are units when a space or `\text` sets them apart from the number. */
const ONE_LETTER_UNITS = new Set("m g s h L l K N J W V A C F".split(" "));

const INTRODUCTION =
  /^.*?\b(?:answer|result|solution|value|total|sum|product|probability|area|number)\b[^=:]*?(?:\bis\b|\bare\b|\bequals\b|[:=])\s*:?\s*(?=\S)/i;
const OPENING = /^(?:therefore|thus|so|hence|approximately|approx\.?|about|roughly|is)\b[,:]?\s*/i;
const ASSIGNMENT =
  /^\s*[a-zA-Z](?:[a-zA-Z]{0,11}|_\{?\w{1,6}\}?)(?:\([a-zA-Z0-9, ]{1,10}\))?\s*(?:=|\\approx|≈|:)\s*(?=\S)/;
const NUMBER_HEAD =
  /^([+-]?\s*(?:\\?\$\s*)?(?:\\frac\s*\{[^{}]*\}\s*\{[^{}]*\}|(?:\d[\d,]*)(?:\.\d+)?(?:\s*\/\s*\d+)?|\.\d+))(?![\d^*/])(\s*)(.*)$/;

/** The value inside an answer; the answer itself when nothing around it is recognised. Takes a normalised answer. */
export function bareValue(text: string): string {
  let rest = text;
  rest = rest.replace(INTRODUCTION, "").replace(OPENING, "");
  rest = rest.replace(/^(?:\\approx|≈|~|=)\s*/, "");
  // Only a single assignment: `x = 1, y = 2` is a system, and a chain `a = b = 3` keeps its last value.
  if (!/[,;]|\bor\b|\band\b/.test(rest)) {
    for (let before = ""; before !== rest;) {
      before = rest;
      rest = rest.replace(ASSIGNMENT, "");
    }
  } else rest = sharedVariable(rest);
  rest = rest.replace(/\s*\^\\circ\s*(?:[CF]\b)?\s*$/, "").trim();
  rest = rest.replace(/(?<=[\d}])\s*(?:percent|\\text\s*\{\s*percent\s*\})$/i, "%");
  const head = NUMBER_HEAD.exec(rest);
  if (head !== null && isUnit(head[3] ?? "", head[2] ?? "")) rest = head[1] ?? rest;
  return rest.trim() === "" ? text : rest.trim();
}

/** `x = 1 or x = 2` becomes `1, 2`; other texts stay. */
function sharedVariable(text: string): string {
  const parts = splitList(text).map((part) => /^([a-zA-Z])\s*=\s*(.+)$/.exec(part));
  const names = new Set(parts.map((part) => part?.[1]));
  if (parts.length < 2 || names.size !== 1 || names.has(undefined)) {
    const first = /^([a-zA-Z])\s*(?:=|\\in)\s*(.+)$/.exec(text);
    return first !== null && !(first[2] ?? "").includes("=") ? (first[2] ?? text) : text;
  }
  return parts.map((part) => part?.[2] ?? "").join(", ");
}

function isUnit(text: string, gap: string): boolean {
  const unit = text.trim();
  if (unit === "") return false;
  if (/^\\?%$/.test(unit)) return false;
  const set = unit.replace(/\\text\s*\{([^{}]*)\}/g, " $1 ").trim();
  const marked = set !== unit;
  if (!/^[a-zA-Zµ°Ω./^{}\d\s()$-]+$/.test(set) || /^[\d^{(.-]/.test(set)) return false;
  // `3 feet 4 inches` is more than 3; the digits of `cm^2` and `m2` are the unit's.
  if (/\d/.test(set.replace(/(?:\^\s*\{?\s*-?|[a-zA-Z])\d+/g, ""))) return false;
  const words = set.split(/[^a-zA-Zµ°Ω]+/).filter((word) => word !== "");
  if (words.length === 0 || words.length > 6) return false;
  if (words.some((word) => VALUE_WORDS.has(word.toLowerCase()))) return false;
  if (words.some((word) => FORMULA_WORDS.has(word) && !(marked || words.length > 2))) return false;
  if (marked) return true;
  // Letters that touch the number are a product of variables unless they are a unit or a word: `5x`, `6xy`, but `5cm`.
  return gap === ""
    ? words.every((word) => SHORT_UNITS.has(word) || word.length > 3)
    : words.every((word) => SHORT_UNITS.has(word) || ONE_LETTER_UNITS.has(word) || word.length > 2);
}

/** The items of a list written without brackets, split at commas, semicolons, `and`, `or` outside of brackets. */
export function splitList(text: string): string[] {
  const items: string[] = [];
  let depth = 0;
  let item = "";
  const pieces = text
    .replace(/\\text\s*\{\s*(and|or)\s*\}/g, " $1 ")
    .split(/(\\[{}]|[()[\]{},;]|\s(?:and|or)\s)/);
  for (const piece of pieces) {
    if (/^(?:\\\{|[([{])$/.test(piece)) depth++;
    else if (/^(?:\\\}|[)\]}])$/.test(piece)) depth--;
    if (depth === 0 && /^(?:[,;]|\s(?:and|or)\s)$/.test(piece)) {
      items.push(item.trim());
      item = "";
    } else item += piece;
  }
  items.push(item.trim());
  return items.filter((each) => each !== "");
}
