"""Compares two final answers with math-verify. It never runs model-written code; the host bounds its time."""

import ast
import logging
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
_OPERATORS = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Mod: lambda a, b: a % b,
    ast.Pow: lambda a, b: a**b,
}


def from_python(text):
    """An answer as Python or sympy print it (`2*sqrt(3)`, `[1, x**2]`), read without evaluating any code; or None."""
    if "\\" in text or "_" in text:
        return None
    try:
        tree = ast.parse(text.replace("^", "**"), mode="eval")
        return _convert(tree.body)
    except (SyntaxError, ValueError, TypeError, KeyError, AttributeError, ZeroDivisionError):
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
            return sympy.Symbol(name)
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
    if value is not None:
        return [value]
    found = parse(f"${text}$", extraction_config=_CONFIG, parsing_timeout=None, raise_on_error=False)
    # Its last resort is the text itself, which says nothing more than the caller's own comparison of texts.
    return [value for value in found if not isinstance(value, str)]


def answer(request):
    """`{"kind": "equal" | "different" | "undecided", "how": ...}` for a pair."""
    try:
        first, second = read(request["a"]), read(request["b"])
        if not first or not second:
            return {"kind": "undecided", "how": "unparsed"}
        strict = request["mode"] == "strict"
        # Its rules for sets and relations look at the first argument: one direction is enough to be equal.
        same = any(
            verify(gold, target, strict=strict, timeout_seconds=None, raise_on_error=False)
            for gold, target in ((first, second), (second, first))
        )
        return {"kind": "equal" if same else "different", "how": "symbolic"}
    except RecursionError:
        return {"kind": "undecided", "how": "too deep"}
    except Exception as error:
        return {"kind": "undecided", "how": type(error).__name__}
