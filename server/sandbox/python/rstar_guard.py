"""What a candidate's code may name, and the traps that tell when it changed something other runs share.

This is the inner, soft wall: it gives clear errors and keeps runs apart. The outer wall is the worker's: no system
call and no JavaScript function leaves the interpreter, whatever Python does (`lockdown.ts`).
"""

import ast
import builtins
import io
import re
import sys
import types

# Modules a step may import, by top-level name. Their own imports are not restricted.
ALLOWED_MODULES = frozenset(
    """__future__ abc array bisect calendar cmath collections contextlib copy dataclasses datetime decimal enum
    fractions functools graphlib hashlib heapq itertools json math mpmath numbers operator pprint random re
    secrets statistics string struct sympy textwrap time typing unicodedata warnings""".split()
)

# Attributes that lead out of a value and into the interpreter; naming one is an error.
BLOCKED_ATTRIBUTES = frozenset(
    """__globals__ __builtins__ __subclasses__ __bases__ __base__ __mro__ mro __code__ __closure__ __import__
    __loader__ __spec__ __self__ __reduce__ __reduce_ex__ __getattribute__ __traceback__ __context__ __cause__
    __func__ __wrapped__ tb_frame tb_next f_back f_globals f_locals f_builtins f_code gi_frame gi_code gi_yieldfrom
    cr_frame cr_code ag_frame ag_code co_code co_consts co_names _getframe _current_frames _os _sys _thread _io _imp
    sys os builtins importlib gc inspect ctypes subprocess socket""".split()
)

# Attributes that are harmless to read on one's own objects and can reach shared ones: the interpreter is not reused.
SUSPICIOUS_ATTRIBUTES = frozenset("__dict__ __setattr__ __delattr__ __class_getitem__ __init_subclass__".split())

SUSPICIOUS_TEXT = re.compile(
    r"__(?:globals|builtins|subclasses|bases|base|mro|code|closure|import|loader|spec|self|reduce|reduce_ex|"
    r"getattribute|traceback|dict|setattr|func|wrapped|class)__|_getframe|importlib|sys\.modules|f_back|f_globals|"
    r"tb_frame|gi_frame|pyodide"
)

# Built-in functions a step does not get; `open` and `input` are replaced by ones that say why.
WITHHELD_BUILTINS = frozenset("breakpoint copyright credits license help memoryview".split())

# Classes whose attributes are compared after every run; the others are watched by the checks before it.
CORE_CLASSES = """fractions.Fraction collections.Counter collections.OrderedDict sympy.Basic sympy.Expr sympy.Symbol
sympy.Integer sympy.Rational sympy.Float sympy.Add sympy.Mul sympy.Pow sympy.Function sympy.Poly sympy.Matrix
sympy.Eq sympy.FiniteSet sympy.Interval mpmath.mpf mpmath.mpc""".split()

COUNT_ASSERTION = "__rstar_assertion__"
KEEP_VALUE = "__rstar_value__"
CHECK_TARGET = "__rstar_target__"
MAX_RECURSION = 3000


class Taint:
    """Why the interpreter must not be used for another program; empty when it may be."""

    def __init__(self):
        self.reason = ""

    def mark(self, reason):
        self.reason = self.reason or reason


class _Check(ast.NodeVisitor):
    """Raises PermissionError for what a step may not name and marks what it had better not."""

    def __init__(self, taint):
        self.taint = taint

    def _name(self, name):
        if name in BLOCKED_ATTRIBUTES:
            raise PermissionError(f"'{name}' is not available in the sandbox")
        if name in SUSPICIOUS_ATTRIBUTES:
            self.taint.mark(f"names {name}")

    def visit_Attribute(self, node):
        self._name(node.attr)
        self.generic_visit(node)

    def visit_Name(self, node):
        if node.id in ("__builtins__", "__loader__", "__spec__") or node.id.startswith("__rstar"):
            raise PermissionError(f"'{node.id}' is not available in the sandbox")

    def visit_MatchClass(self, node):
        for name in node.kwd_attrs:
            self._name(name)
        self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, str) and SUSPICIOUS_TEXT.search(node.value):
            self.taint.mark("holds a suspicious text")
        elif isinstance(node.value, bytes) and SUSPICIOUS_TEXT.search(node.value.decode("latin-1")):
            self.taint.mark("holds a suspicious text")


class _Instrument(ast.NodeTransformer):
    """Counts assertions that held, and asks before an attribute of another object is stored or deleted."""

    def visit_Assert(self, node):
        self.generic_visit(node)
        count = ast.Expr(ast.Call(ast.Name(COUNT_ASSERTION, ast.Load()), [], []))
        return [node, ast.copy_location(count, node)]

    def visit_Attribute(self, node):
        self.generic_visit(node)
        if isinstance(node.ctx, (ast.Store, ast.Del)):
            asked = ast.Call(ast.Name(CHECK_TARGET, ast.Load()), [node.value], [])
            node.value = ast.copy_location(asked, node.value)
        return node

    def visit_AnnAssign(self, node):
        # A bare annotation of a variable has no effect here; left in, it would leave a hidden set behind.
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_ClassDef(self, node):
        # Annotations in a class body mean something (dataclasses): only the rest is instrumented.
        node.body = [item if isinstance(item, ast.AnnAssign) else self.visit(item) for item in node.body]
        node.body = [each for item in node.body for each in (item if isinstance(item, list) else [item])]
        return node


def compile_step(source, filename, mode, taint, keep_value=False):
    """Compiles a step, instrumented. Raises SyntaxError, PermissionError, RecursionError or ValueError (NUL)."""
    tree = ast.parse(source, filename, mode)
    _Check(taint).visit(tree)
    last = tree.body[-1] if mode == "exec" and tree.body else None
    tree = _Instrument().visit(tree)
    if keep_value and isinstance(last, ast.Expr):
        kept = ast.Call(ast.Name(KEEP_VALUE, ast.Load()), [last.value], [])
        last.value = ast.copy_location(kept, last.value)
    ast.fix_missing_locations(tree)
    return compile(tree, filename, mode, dont_inherit=True)


def _is_shared(value):
    """Whether a value belongs to the interpreter or a library, so that changing it would reach other runs."""
    if isinstance(value, types.ModuleType):
        return True
    owner = value.__dict__.get("__module__") if isinstance(value, type) else getattr(type(value), "__module__", "")
    if isinstance(value, types.FunctionType):
        owner = value.__module__
    if owner == "__main__":
        return False
    if isinstance(value, type) or callable(value):
        return True
    name = type(value).__name__
    if owner == "decimal" and name == "Context":
        return value is not sys.modules["decimal"].getcontext()
    if owner == "mpmath.ctx_mp" or owner == "mpmath.ctx_iv":
        return False  # `mp.dps = 50`: the precision is part of a state and put back for every run
    return owner != "types"


class Facades:
    """Stand-ins for modules that steps often import and that would lead outside as they are."""

    def __init__(self, writer):
        self.modules = {"sys": _sys_facade(writer), "io": _facade("io", io, ["StringIO", "BytesIO"])}
        names = ["SimpleNamespace", "MappingProxyType", "NoneType"]
        self.modules["types"] = _facade("types", types, names)


def _facade(name, module, names):
    made = types.ModuleType(name, f"The parts of {name} that the sandbox offers.")
    for each in names:
        setattr(made, each, getattr(module, each))
    return made


def _sys_facade(writer):
    names = """version version_info maxsize float_info int_info hash_info byteorder platform maxunicode
    implementation exit getrecursionlimit getsizeof intern getdefaultencoding exc_info set_int_max_str_digits
    get_int_max_str_digits""".split()
    made = _facade("sys", sys, names)
    made.argv = [""]
    made.path = []
    made.modules = {}
    made.stdin = io.StringIO("")
    made.stdout = writer
    made.stderr = io.StringIO("")

    def setrecursionlimit(limit):
        """Sets the recursion limit, within what the interpreter's own stack bears."""
        sys.setrecursionlimit(max(50, min(int(limit), MAX_RECURSION)))

    made.setrecursionlimit = setrecursionlimit
    return made


def _refuse(kind, message):
    def refused(*_args, **_kwargs):
        raise kind(message)

    return refused


def make_builtins(taint, facades, events):
    """The `__builtins__` of one namespace: Python's own, less what leads outside, plus the step's counters."""
    real = vars(builtins)
    own = {name: value for name, value in real.items() if name not in WITHHELD_BUILTINS}
    own["open"] = _refuse(PermissionError, "files are not available in the sandbox")
    own["input"] = _refuse(EOFError, "there is no input in the sandbox")

    def guarded_import(name, globals=None, locals=None, fromlist=(), level=0):
        top = name.partition(".")[0]
        if top in facades.modules and level == 0:
            if name != top:
                raise ModuleNotFoundError(f"No module named '{name}'")
            return facades.modules[top]
        if level != 0:
            raise ImportError("attempted relative import with no known parent package")
        if top not in ALLOWED_MODULES:
            found = top in sys.stdlib_module_names or top in sys.modules
            if found or "pyodide" in top or top in ("js", "micropip"):
                raise ImportError(f"the module '{top}' is not available in the sandbox")
            raise ModuleNotFoundError(f"No module named '{name}'")
        for each in (*name.split("."), *(fromlist or ())):
            if each in BLOCKED_ATTRIBUTES:
                raise ImportError(f"'{each}' is not available in the sandbox")
        return real["__import__"](name, None, None, fromlist or (), 0)

    def check_name(name):
        if isinstance(name, str):
            if name in BLOCKED_ATTRIBUTES:
                raise PermissionError(f"'{name}' is not available in the sandbox")
            if name in SUSPICIOUS_ATTRIBUTES:
                taint.mark(f"names {name}")

    def check_target(value):
        if _is_shared(value):
            taint.mark("changes a shared object")
        return value

    def guarded_getattr(value, name, *default):
        check_name(name)
        return getattr(value, name, *default)

    def guarded_hasattr(value, name):
        check_name(name)
        return hasattr(value, name)

    def guarded_setattr(value, name, new):
        setattr(check_target(value), name, new)

    def guarded_delattr(value, name):
        delattr(check_target(value), name)

    def guarded_vars(*args):
        if not args:
            return sys._getframe(1).f_locals
        check_target(args[0])
        return vars(args[0])

    def code_of(source, mode):
        if isinstance(source, (str, bytes, bytearray)):
            text = source if isinstance(source, str) else bytes(source).decode()
            return compile_step(text.strip() if mode == "eval" else text, "<string>", mode, taint)
        return source

    def scope(globals, locals):
        frame = sys._getframe(2)
        if globals is None:
            globals, locals = frame.f_globals, frame.f_locals if locals is None else locals
        else:
            globals.setdefault("__builtins__", own)
        return globals, locals

    def guarded_eval(source, globals=None, locals=None):
        globals, locals = scope(globals, locals)
        return eval(code_of(source, "eval"), globals, locals)

    def guarded_exec(source, globals=None, locals=None, *, closure=None):
        globals, locals = scope(globals, locals)
        exec(code_of(source, "exec"), globals, locals)

    def guarded_compile(source, filename="<string>", mode="exec", flags=0, dont_inherit=False, optimize=-1):
        return code_of(source, mode)

    for name, function in {
        "__import__": guarded_import,
        "getattr": guarded_getattr,
        "hasattr": guarded_hasattr,
        "setattr": guarded_setattr,
        "delattr": guarded_delattr,
        "vars": guarded_vars,
        "eval": guarded_eval,
        "exec": guarded_exec,
        "compile": guarded_compile,
        CHECK_TARGET: check_target,
        COUNT_ASSERTION: events.count_assertion,
        KEEP_VALUE: events.keep_value,
    }.items():
        if not name.startswith("__rstar"):
            function.__name__ = function.__qualname__ = name
        own[name] = function
    return own


class SharedState:
    """Remembers what the modules that steps can reach hold, to notice when a run has changed it."""

    def __init__(self):
        self.classes = []
        names = [*ALLOWED_MODULES, "builtins", "__main__", "sys", "os", "sympy.core.numbers", "mpmath.libmp", "ast", "types"]
        self.names = [name for name in names if name in sys.modules]
        for name in CORE_CLASSES:
            module, _, attribute = name.rpartition(".")
            if module in sys.modules:
                self.classes.append(getattr(sys.modules[module], attribute))
        self.remember()

    def remember(self):
        """Takes the present contents as the right ones."""
        self.loaded = _Contents(sys.modules)
        self.contents = [(name, _Contents(vars(sys.modules[name]))) for name in self.names]
        self.attributes = [(each, _Contents(vars(each))) for each in self.classes]

    def difference(self):
        """Names the first change since `remember`, or returns an empty string. New lazily loaded modules are fine."""
        if not self.loaded.unchanged():
            if any(sys.modules.get(name, self) is not module for name, module in self.loaded.before.items()):
                return "sys.modules was changed"
        for name, contents in self.contents:
            if not contents.unchanged():
                for key in contents.changes():
                    if not _harmless(name, key):
                        return f"{name}.{key} was changed"
        for each, contents in self.attributes:
            if not contents.unchanged():
                for key in contents.changes():
                    if not _harmless_attribute(key):
                        return f"the class {each.__name__} was changed"
        return ""


class _Contents:
    """What a dictionary held at one time."""

    def __init__(self, mapping):
        self.mapping = mapping
        self.before = dict(mapping)
        self.values = list(mapping.values())

    def unchanged(self):
        """A fast no or probable yes: comparing lists stops at identity, and asks `__eq__` of changed values only."""
        try:
            return [*self.mapping.values()] == self.values
        except Exception:
            return False

    def changes(self):
        """The keys whose value is another object than before, or that came or went."""
        now, before, missing = self.mapping, self.before, object()
        return [
            key for key in now.keys() | before.keys() if now.get(key, missing) is not before.get(key, missing)
        ]


def _harmless(module, key):
    if key in ("__warningregistry__", "stdout", "stderr", "last_exc", "last_type", "last_value", "last_traceback"):
        return True
    return isinstance(vars(sys.modules[module]).get(key), types.ModuleType) and f"{module}.{key}" in sys.modules


def _harmless_attribute(key):
    return key in ("__annotations_cache__", "__annotations__", "__abstractmethods__", "_abc_impl", "__doc__")
