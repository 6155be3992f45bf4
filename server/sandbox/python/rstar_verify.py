"""Compares two final answers with math-verify. It never runs model-written code; the host bounds its time."""

import ast
import logging
import re
import warnings

import sympy
from math_verify import parse, verify
from math_verify.parser import LatexExtractionConfig

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

_CONFIG = (LatexExtractionConfig(),)
_CONSTANTS = {"pi": sympy.pi, "E": sympy.E, "e": sympy.E, "I": sympy.I, "i": sympy.I, "oo": sympy.oo}
_CONSTANTS.update({"inf": sympy.oo, "infinity": sympy.oo, "True": sympy.true, "False": sympy.false})
_FUNCTIONS = {
    name: getattr(sympy, name)
    for name in """sqrt cbrt Rational Integer Float sin cos tan cot sec csc asin acos atan sinh cosh tanh log ln exp
    Abs factorial binomial floor ceiling Max Min gcd lcm root re im conjugate Interval FiniteSet Union""".split()
}
_FUNCTIONS.update({"abs": sympy.Abs, "Fraction": sympy.Rational, "arcsin": sympy.asin, "arccos": sympy.acos})
# Of its rows alone: sympy's own constructor also takes sizes and functions.
_FUNCTIONS["Matrix"] = lambda rows: sympy.ImmutableMatrix(rows)
_OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
}


def _symbol(name):
    """A symbol as math-verify makes it: with other assumptions, `x` and `x` would be two symbols."""
    return next(value for value in _from_latex(name) if isinstance(value, sympy.Symbol))


def from_python(text):
    """An answer as Python or sympy print it (`2*sqrt(3)`, `[1, x**2]`), read without evaluating any code; or None."""
    if "\\" in text or "_" in text:
        return None
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval")
        return _convert(tree.body)
    except (SyntaxError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError, StopIteration):
        return None


def _convert(node):
    match node:
        case ast.Constant(value=bool(value)):
            return sympy.true if value else sympy.false
        case ast.Constant(value=int(value)):
            return sympy.Integer(value)
        case ast.Constant(value=float()):
            return sympy.Rational(ast.unparse(node))
        case ast.Name(id=name):
            if name in _CONSTANTS:
                return _CONSTANTS[name]
            if len(name) > 1:
                raise ValueError(name)
            return _symbol(name)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_convert(left), _convert(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_convert(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _convert(operand)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _FUNCTIONS[name](*map(_convert, args))
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return sympy.Tuple(*map(_convert, items))
        case ast.Set(elts=items):
            return sympy.FiniteSet(*map(_convert, items))
    raise ValueError(type(node).__name__)


def read(text):
    """The values of an answer as math-verify takes them; an empty list when it holds none."""
    value = from_python(text)
    return _from_latex(text) if value is None else [value]


# Letters that math-verify takes for units, where they are variables: touching what they multiply, or after an operator
# or a command.
_VARIABLE = re.compile(r"(?:[\d}]|(?:[-+*/^=(,]|\\[a-zA-Z]+)\s+)(?:[a-z]|ab|bc)$")


def _from_latex(text):
    if _VARIABLE.search(text):
        text = f"{text[:-1]}{{{text[-1]}}}"
    found = parse(f"${text}$", extraction_config=_CONFIG, parsing_timeout=None, raise_on_error=False)
    # Its last resort is the text itself, which says nothing more than the caller's own comparison of texts.
    return [value for value in found if not isinstance(value, str)]


def _as_set(text, other):
    """
    Items without brackets, of which another answer is a Python list, as a set; else None. Such a list is how a program
    shows solutions, in whatever order it found them.
    """
    if not (other.startswith("[") and other.endswith("]")) or text.startswith(("[", "{")):
        return None
    if text.startswith("(") and text.endswith(")") and from_python(text[1:-1]) is not None:
        return None
    values = [from_python(each) for each in (text, other)]
    if not all(isinstance(value, sympy.Tuple) for value in values):
        return None
    return [[sympy.FiniteSet(*value)] for value in values]


def _with_imaginary_unit(values):
    """LaTeX's `i` is read as a symbol; in an answer it is the imaginary unit, as Python's `I` is."""
    return [
        value.subs({each: sympy.I for each in value.free_symbols if each.name == "i"})
        if isinstance(value, (sympy.Basic, sympy.MatrixBase))
        else value
        for value in values
    ]


def _is_rounded(text, values):
    """Whether `text` is a decimal of two digits or more and one of the values, rounded to as many decimals."""
    found = re.fullmatch(r"-?0*(\d*)\.(\d+)", text)
    if found is None or len((found[1] + found[2]).lstrip("0")) < 2:
        return False
    half = sympy.Rational(1, 2 * 10 ** len(found[2]))
    for value in values:
        if isinstance(value, sympy.Expr) and value.is_number and value.is_extended_real:
            if abs(value.evalf(30) - sympy.Rational(text)) <= half:
                return True
    return False


def answer(request):
    """`{"kind": "equal" | "different" | "undecided", "how": ...}` for a pair."""
    try:
        a, b = request["a"], request["b"]
        is_lenient = request["mode"] == "lenient"
        sets = (_as_set(a, b) or _as_set(b, a)) if is_lenient else None
        first, second = map(_with_imaginary_unit, sets or [read(a), read(b)])
        if not first or not second:
            return {"kind": "undecided", "how": "unparsed"}
        # Its rules for sets and relations look at the first argument: one direction is enough to be equal.
        if any(
            # Always, because all that it means otherwise is that any variable equals any other.
            verify(gold, target, strict=True, timeout_seconds=None, raise_on_error=False)
            for gold, target in ((first, second), (second, first))
        ):
            return {"kind": "equal", "how": "symbolic"}
        if is_lenient and (_is_rounded(a, second) or _is_rounded(b, first)):
            return {"kind": "equal", "how": "rounded"}
        return {"kind": "different", "how": "symbolic"}
    except RecursionError:
        return {"kind": "undecided", "how": "too deep"}
    except Exception as error:
        return {"kind": "undecided", "how": type(error).__name__}
