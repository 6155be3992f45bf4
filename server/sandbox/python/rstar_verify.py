"""Compares two final answers with math-verify. It never runs model-written code; the host bounds its time."""

import logging
import warnings

from math_verify import parse, verify
from math_verify.parser import ExprExtractionConfig, LatexExtractionConfig

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

# LaTeX first: an expression pattern would find the "2" in "\frac{1}{2}".
_CONFIG = (LatexExtractionConfig(), ExprExtractionConfig())


def read(text):
    """The values math-verify finds in an answer, most likely first; an empty list when it finds none."""
    wrapped = text if "$" in text or "\\boxed" in text else f"${text}$"
    return parse(wrapped, extraction_config=_CONFIG, parsing_timeout=None, raise_on_error=False)


def answer(request):
    """`{"kind": "equal" | "different" | "undecided", "how": ...}` for a pair, symmetric in it."""
    try:
        first, second = read(request["a"]), read(request["b"])
        if not first or not second:
            return {"kind": "undecided", "how": "unparsed"}
        strict = request["mode"] == "strict"
        same = any(
            verify(gold, target, strict=strict, timeout_seconds=None, raise_on_error=False)
            for gold, target in ((first, second), (second, first))
        )
        return {"kind": "equal" if same else "different", "how": "symbolic"}
    except RecursionError:
        return {"kind": "undecided", "how": "too deep"}
    except Exception as error:
        return {"kind": "undecided", "how": type(error).__name__}
