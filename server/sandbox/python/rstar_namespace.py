"""Copies the namespace that a step left, so that several children can start from it without seeing each other.

Only values of kinds that are known to copy faithfully are copied. For anything else `copy_namespace` returns None
and the caller runs the whole program again, which is always right.
"""

import collections
import datetime
import decimal
import fractions
import random
import sys
import types
import warnings

# Values that cannot change, or whose change `SharedState` would notice: the copy holds the same object.
ATOMIC = frozenset(
    [type(None), bool, int, float, complex, str, bytes, range, slice, type(Ellipsis), type(NotImplemented)]
    + [fractions.Fraction, decimal.Decimal, datetime.date, datetime.datetime, datetime.time, datetime.timedelta]
    + [types.ModuleType]
)

_CONTAINERS = (list, dict, set, bytearray, collections.deque)


class Library:
    """Everything that the importable modules offer: shared by reference, as an import would share it."""

    ids: frozenset = frozenset()
    held: tuple = ()

    @classmethod
    def remember(cls, names):
        """Collects the attributes of the named modules, containers aside (those are copied)."""
        values = [value for name in names if name in sys.modules for value in vars(sys.modules[name]).values()]
        cls.held = tuple(value for value in values if not isinstance(value, _CONTAINERS))
        cls.ids = frozenset(map(id, cls.held))


class NotCopied(Exception):
    """A value is of a kind that is not known to copy faithfully."""


def copy_namespace(source, target):
    """Fills `target`, which holds only `__builtins__` and the like, with copies; None if that cannot be faithful."""
    memo = {id(source): target}
    try:
        for name, value in source.items():
            if name in target or name == "__warningregistry__":
                continue
            target[name] = _copy(value, memo, source, target)
    except (NotCopied, RecursionError):
        return None
    return target


def _copy(value, memo, source, target):
    kind = type(value)
    if kind in ATOMIC:
        return value
    known = memo.get(id(value))
    if known is not None:
        return known
    if id(value) in Library.ids:
        return value

    def again(item):
        return item if type(item) in ATOMIC else _copy(item, memo, source, target)

    if kind is list:
        made = memo[id(value)] = []
        made.extend(map(again, value))
    elif kind is dict or kind is collections.OrderedDict or kind is collections.Counter:
        made = memo[id(value)] = kind()
        for key, item in value.items():
            made[again(key)] = again(item)
    elif kind is collections.defaultdict:
        made = memo[id(value)] = collections.defaultdict(again(value.default_factory))
        for key, item in value.items():
            made[again(key)] = again(item)
    elif kind is collections.deque:
        made = memo[id(value)] = collections.deque(maxlen=value.maxlen)
        made.extend(map(again, value))
    elif kind is tuple:
        items = [again(item) for item in value]
        known = memo.get(id(value))  # a tuple that holds itself through a list was made meanwhile
        if known is not None:
            return known
        made = value if all(a is b for a, b in zip(items, value)) else tuple(items)
        memo[id(value)] = made
    elif kind is bytearray:
        made = memo[id(value)] = bytearray(value)
    elif kind is set or kind is frozenset:
        # The order in which a set is walked depends on its history, which a copy does not have.
        if kind is frozenset and all(type(item) in ATOMIC or _is_constant(item) for item in value):
            made = value
        else:
            raise NotCopied("set")
    elif kind is types.FunctionType:
        made = _copy_function(value, memo, source, target, again)
    elif _is_constant(value):
        made = value
    elif _is_matrix(value):
        made = memo[id(value)] = value.copy()
    else:
        raise NotCopied(kind.__name__)
    # The original is kept alive by its namespace while the memo is used, so its id cannot be taken over.
    return made


def _copy_function(function, memo, source, target, again):
    if function.__globals__ is not source:
        if _is_library_attribute(function):
            return function
        raise NotCopied("a function of another namespace")
    if function.__closure__ or function.__type_params__:
        raise NotCopied("a closure")
    made = types.FunctionType(function.__code__, target, function.__name__)
    memo[id(function)] = made
    made.__qualname__ = function.__qualname__
    made.__doc__ = function.__doc__
    if function.__defaults__ is not None:
        made.__defaults__ = again(function.__defaults__)
    if function.__kwdefaults__ is not None:
        made.__kwdefaults__ = again(function.__kwdefaults__)
    annotate = getattr(function, "__annotate__", None)
    if annotate is not None:
        made.__annotate__ = again(annotate)
    made.__dict__.update({key: again(item) for key, item in function.__dict__.items()})
    return made


def _is_library_attribute(value):
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return False
    found = module
    for part in value.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is value


def _is_constant(value):
    """Library classes, built-in functions, and sympy's and mpmath's immutable values."""
    kind = type(value)
    if isinstance(value, type):
        owner = getattr(value, "__module__", "")
        if kind.__module__.startswith("sympy.") and kind.__name__ in ("UndefinedFunction", "FunctionClass"):
            return True
        return owner != "__main__" and _is_library_attribute(value)
    if kind is types.BuiltinFunctionType:
        return value.__self__ is None or isinstance(value.__self__, (types.ModuleType, type))
    if kind is types.MethodType:  # `random.randint`, `mpmath.mp.sqrt`: their state is part of the ambient state
        return value.__self__ is random._inst or type(value.__self__).__name__ == "MPContext"
    if kind is types.FunctionType:
        return False
    owner = kind.__module__
    if owner.startswith("sympy."):
        basic = sys.modules["sympy"].Basic
        if isinstance(value, basic):
            return not _is_matrix(value)
        return owner.startswith("sympy.polys.domains.")
    if owner.startswith("mpmath."):
        return kind.__name__ in ("mpf", "mpc", "constant", "MPContext")
    return False


def _is_matrix(value):
    kind = type(value)
    if kind.__module__.startswith("sympy.matrices."):
        return kind.__name__ in ("MutableDenseMatrix", "MutableSparseMatrix")
    return kind.__module__ == "mpmath.matrices.matrices" and kind.__name__ == "matrix"


class Ambient:
    """State outside any namespace that a program may set and its next step must find: seeds, precisions, limits."""

    def __init__(self):
        random.seed(0)
        rng = self._sympy_random()
        if rng is not None:
            rng.seed(0)
        sys.setrecursionlimit(1000)
        sys.set_int_max_str_digits(100_000)
        decimal.setcontext(decimal.Context(prec=28))
        self.initial = self.capture()

    @staticmethod
    def _sympy_random():
        module = sys.modules.get("sympy.core.random")
        return None if module is None else module.rng

    @staticmethod
    def _first_weekday():
        module = sys.modules.get("calendar")
        return 0 if module is None else module.c.firstweekday

    @staticmethod
    def _assumptions():
        module = sys.modules.get("sympy.assumptions.assume")
        return None if module is None else module.global_assumptions

    def capture(self):
        """The present ambient state, as a value for `restore`."""
        rng = self._sympy_random()
        mpmath = sys.modules.get("mpmath")
        parameters = sys.modules.get("sympy.core.parameters")
        return (
            random.getstate(),
            None if rng is None else rng.getstate(),
            None if mpmath is None else (mpmath.mp.prec, mpmath.mp.pretty, mpmath.iv.prec, mpmath.mp.trap_complex),
            None if parameters is None else dict(vars(parameters.global_parameters)),
            decimal.getcontext().copy(),
            sys.getrecursionlimit(),
            sys.get_int_max_str_digits(),
            self._first_weekday(),
            frozenset(self._assumptions() or ()),
            tuple(warnings.filters),
        )

    def restore(self, state):
        """Puts back what `capture` saw."""
        seed, sympy_seed, precision, flags, context, recursion, digits, weekday, assumed, filters = state
        random.setstate(seed)
        rng = self._sympy_random()
        if rng is not None:
            if sympy_seed is None:
                rng.seed(0)
            else:
                rng.setstate(sympy_seed)
        mpmath = sys.modules.get("mpmath")
        if mpmath is not None:
            prec, pretty, interval, trap = precision or (53, False, 53, False)
            if mpmath.mp.prec != prec:
                mpmath.mp.prec = prec
            if mpmath.iv.prec != interval:
                mpmath.iv.prec = interval
            mpmath.mp.pretty = pretty
            mpmath.mp.trap_complex = trap
        parameters = sys.modules.get("sympy.core.parameters")
        if parameters is not None and flags is not None:
            held = vars(parameters.global_parameters)
            if held != flags:
                held.clear()
                held.update(flags)
                sys.modules["sympy.core.cache"].clear_cache()
        decimal.setcontext(context.copy())
        sys.setrecursionlimit(recursion)
        sys.set_int_max_str_digits(digits)
        if self._first_weekday() != weekday:
            sys.modules["calendar"].setfirstweekday(weekday)
        assumptions = self._assumptions()
        if assumptions is not None and assumptions != assumed:
            assumptions.clear()
            assumptions.update(assumed)
            sys.modules["sympy.core.cache"].clear_cache()
        if tuple(warnings.filters) != filters:
            # Also makes it forget what it warned of before.
            warnings.resetwarnings()
            warnings.filters.extend(filters)
