"""Puts in the imports that a step forgot: models often call `sqrt` or `Rational` as if they had been imported.

Of 1,883 programs that an untuned 1.5B model wrote for training problems, 250 ended at such a name. Only names that
mean one thing in nearly every program are known here, and only in the role that they have there: a module whose
attribute is read, a function that is called, a constant. A forgotten variable of the same name stays the error that
it is.
"""

import ast

#: What follows `import`, by the name that code uses.
_MODULES = {name: name for name in "cmath collections fractions functools itertools math mpmath sympy".split()}
_MODULES["sp"] = "sympy as sp"

#: By the module that has them; of names that several have, the one that keeps values exact.
_FUNCTIONS = {
    "sympy": """Abs Eq FiniteSet Float Function Integer Interval Matrix Mod Piecewise Poly Rational Sum Symbol acos apart
    asin atan atan2 binomial ceiling cos cosh cot csc diff divisor_count divisors dsolve exp expand factor factorial
    factorint floor gcd integrate isprime lcm linsolve ln log nextprime nsimplify nsolve primefactors primerange
    radsimp sec simplify sin sinh solve solveset sqrt summation symbols tan tanh totient trigsimp""".split(),
    "math": "ceil comb degrees dist fsum hypot isqrt log10 log2 perm prod radians trunc".split(),
    "itertools": "accumulate combinations combinations_with_replacement permutations product".split(),
    "collections": "Counter defaultdict deque namedtuple".split(),
    "fractions": ["Fraction"],
    "functools": "lru_cache reduce".split(),
    "decimal": ["Decimal"],
}
_CALLED = {name: module for module, names in _FUNCTIONS.items() for name in names}
_CONSTANTS = dict.fromkeys("I oo pi".split(), "sympy")


def wanted_imports(source):
    """Where the names come from that the step reads, never sets, and that are known here: {name: (kind, module)}.

    Empty for a step that imports everything of some module. The step must parse.
    """
    own, wanted = set(), {}
    for node in ast.walk(ast.parse(source)):
        own.update(_set_by(node))
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Load):
                found = _origin(node, child)
                if found is None:
                    own.add(child.id)  # read in a role that is not known: somebody's variable
                else:
                    wanted[child.id] = found
    if "*" in own:
        return {}
    return {name: found for name, found in wanted.items() if name not in own}


def _set_by(node):
    """The names that a node of the syntax tree binds."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name is not None:
        yield node.name


def _origin(parent, name):
    """How a name is imported that stands below `parent`; None where it is not known in such a place."""
    if name.id in _CONSTANTS:
        return ("from", _CONSTANTS[name.id])
    if isinstance(parent, ast.Attribute) and name.id in _MODULES:
        return ("import", _MODULES[name.id])
    if isinstance(parent, ast.Call) and parent.func is name and name.id in _CALLED:
        return ("from", _CALLED[name.id])
    return None


def complete(source, wanted, namespace):
    """The step with the wanted imports that the namespace lacks, put below the comment it begins with."""
    names = {}
    for name, origin in wanted.items():
        if name not in namespace:
            names.setdefault(origin, []).append(name)
    imports = [
        f"from {module} import {', '.join(sorted(names[kind, module]))}" if kind == "from" else f"import {module}"
        for kind, module in sorted(names)
    ]
    lines = source.split("\n")
    top = next((index for index, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")), 0)
    return "\n".join([*lines[:top], *imports, *lines[top:]])
