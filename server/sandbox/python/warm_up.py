# Run once before the memory snapshot is taken: what steps import, and the lazily loaded parts they use first.
import abc, array, bisect, calendar, cmath, collections, contextlib, copy, dataclasses, datetime, decimal, enum
import fractions, functools, gc, graphlib, hashlib, heapq, io, itertools, json, math, numbers, operator, os, pprint
import random, re, secrets, statistics, string, struct, textwrap, time, types, typing, unicodedata, warnings
import _strptime
import mpmath
import sympy
import sympy.ntheory, sympy.stats, sympy.solvers.diophantine, sympy.geometry, sympy.combinatorics
import math_verify
import math_verify.parser

from sympy import (
    Eq, Function, Matrix, Rational, binomial, diff, expand, factor, factorint, integrate, isprime, lambdify, limit,
    nsolve, oo, pi, simplify, sin, solve, solveset, sqrt, summation, symbols, sympify,
)

x, y, n, k = symbols("x y n k")
str(solve(x**2 - 5 * x + 6, x)), str(solve([x + y - 3, x - y - 1], [x, y])), str(solve(Eq(sqrt(x), 2), x))
str(simplify(sin(x) ** 2 + (1 - sin(x) ** 2))), str(factor(x**2 - 1)), str(expand((x + 1) ** 3))
str(integrate(x**2, (x, 0, 1))), str(diff(sin(x), x)), str(limit(sin(x) / x, x, 0)), str(summation(k, (k, 1, n)))
str(Matrix([[1, 2], [3, 4]]).inv()), str(Matrix([[2, 0], [0, 3]]).eigenvals()), str(nsolve(x**3 - 2, 1))
str(solveset(x**2 - 1, x)), str(lambdify(x, x**2)(3)), str(binomial(10, 3)), factorint(360), isprime(97)
str(sympify("x**2 + 1/3")), str(Rational(1, 3) + Rational(1, 6)), str(sqrt(8)), float(pi), str(solve(x**2 > 4, x))
str(oo), str(statistics.mean([1, 2])), str(fractions.Fraction(1, 3)), str(decimal.Decimal("1.5"))
for gold, target in (("$\\frac{1}{2}$", "$0.5$"), ("$x = 3$", "$3$"), ("$(1, 2)$", "$\\{1, 2\\}$"), ("$2\\sqrt{3}$", "$\\sqrt{12}$")):
    math_verify.verify(
        math_verify.parse(gold, parsing_timeout=None),
        math_verify.parse(target, parsing_timeout=None),
        timeout_seconds=None,
    )
for name in list(globals()):
    if not name.startswith("__"):
        del globals()[name]
del name
import gc

gc.collect()
gc.freeze()
del gc
