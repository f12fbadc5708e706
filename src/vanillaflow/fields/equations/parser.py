"""Text of an equation -> SymPy expression, through a whitelist over Python's syntax tree.

The text may come from anywhere. It is parsed by `ast` (which executes nothing), and the few node types of
arithmetic are turned into SymPy objects one by one. There is no eval, exec or sympify of text anywhere.
Limits keep hostile text cheap: on length, on nesting, on the size of numbers and exponents.
"""

from __future__ import annotations

import ast
import difflib
import math
import warnings
from collections.abc import Mapping
from fractions import Fraction
from typing import NoReturn

import numpy as np
import sympy as sp

from ...errors import FieldError
from .functions import BY_NAME
from .orders import PRIME, decode_primes, encode_primes

MAX_LENGTH = 10_000
MAX_DEPTH = 40
MAX_EXPONENT = 64
MAX_FACTORS = 64
CONSTANTS = {"pi": math.pi, "e": math.e}

# What people write by habit from other languages, and how it is written here.
_HABITS = {"ln": "log", "tg": "tan", "sh": "sinh", "ch": "cosh", "th": "tanh", "expit": "sigmoid"}
_TOO_DEEP = f"the expression is nested more than {MAX_DEPTH} deep; split it into smaller terms"
# Python's names of syntax that is refused, where they would not be understood.
_WORDS = {
    "JoinedStr": "an f-string",
    **dict.fromkeys(("ListComp", "SetComp", "DictComp", "GeneratorExp"), "a comprehension"),
    "IfExp": "if-else",
    "Compare": "a comparison",
    "BoolOp": "and/or",
    "NamedExpr": "an assignment",
    "Starred": "a starred argument",
    "Call": "a call of anything but a function name",
    "FloorDiv": "the operator //",
    "Mod": "the operator %",
}
_SUPPORTED = "numbers, names, + - * / **, parentheses and calls such as sin(x)"
_WHITESPACE = {ord(c): " " for c in "\t\n\r\f\v"}  # an equation may run over several lines
_EXCERPT = 50  # characters shown on each side of the place of an error


def parse_expression(text: object, names: Mapping[str, sp.Expr], label: str) -> sp.Expr:
    """The SymPy expression that `text` writes.

    `names` gives the variables (as symbols, with primes at the end or without) and the parameters (as
    numbers); pi, e and the functions of `functions.BY_NAME` are known besides. `label`, for example
    "equation x", starts every error message. Raises FieldError, pointing at the place in the text.
    """
    if not isinstance(text, str):
        raise FieldError(f'{label}: expected text such as "x - y", got {type(text).__name__}')
    if len(text) > MAX_LENGTH:
        raise FieldError(f"{label}: the text has {len(text)} characters; at most {MAX_LENGTH} are read")
    text = text.translate(_WHITESPACE).strip()
    if any(PRIME in name for name in names):
        text, names = encode_primes(text), {encode_primes(name): value for name, value in names.items()}
    reader = _Reader(text, names, label)
    try:
        return reader.read()
    except RecursionError:
        message = "nested too deeply or too long a sum; shorten it"
        raise FieldError(f"{label}: the expression is {message}") from None


def number(value: int | float) -> sp.Number:
    """A finite Python number as SymPy's; a float with an integer value becomes an Integer, exactly."""
    return sp.Integer(int(value)) if float(value).is_integer() else sp.Float(value)


class _Reader:
    """One pass over one text. Every method gets a syntax node and returns the expression it stands for."""

    def __init__(self, text: str, names: Mapping[str, sp.Expr], label: str):
        self.text, self.names, self.label = text, names, label

    def read(self) -> sp.Expr:
        if not self.text:
            raise FieldError(f'{self.label}: the text is empty; write "0" if nothing changes')
        self._check_characters()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Python's remarks on odd but harmless literals
                tree = ast.parse(self.text, mode="eval")
        except SyntaxError as error:
            self._fail_syntax(error)
        except (ValueError, MemoryError, OverflowError) as error:
            reason = str(error) or "nested too deeply"
            raise FieldError(f"{self.label}: this cannot be read as an expression ({reason})") from None
        expression = self.build(tree.body, 0)
        infinite = any(not math.isfinite(_magnitude(n)) for n in expression.atoms(sp.Float, sp.Rational))
        if infinite or expression.has(sp.I, sp.zoo, sp.nan, sp.oo, -sp.oo):
            raise FieldError(f"{self.label}: {decode_primes(self.text[:80])!r} has no finite real value")
        return expression

    def build(self, node: ast.expr, depth: int) -> sp.Expr:
        if depth > MAX_DEPTH:
            self.fail(node, _TOO_DEEP)
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node)
            case ast.UnaryOp(op=ast.USub()):
                return -self.build(node.operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd()):
                return self.build(node.operand, depth + 1)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._sum(node, depth)
            case ast.BinOp(op=ast.Mult() | ast.Div()):
                return self._product(node, depth)
            case ast.BinOp(op=ast.Pow()):
                return self._power(node, depth)
            case ast.Call():
                return self._call(node, depth)
        self._fail_unsupported(node)

    def _constant(self, node: ast.Constant) -> sp.Expr:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(node, f"{type(value).__name__} values are not numbers; supported are {_SUPPORTED}")
        try:
            finite = math.isfinite(float(value))
        except OverflowError:
            finite = False
        if not finite:
            self.fail(node, "this number is too large; numbers must be below 1e308 in size")
        return number(value)

    def _name(self, node: ast.Name) -> sp.Expr:
        name = node.id
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return sp.Float(CONSTANTS[name])
        if name in BY_NAME:
            self.fail(node, f"{name} is a function; write {name}(...)")
        self.fail(node, f"unknown name {name!r}; {self._suggest(name, [*self.names, *CONSTANTS, *BY_NAME])}")

    def _sum(self, node: ast.expr, depth: int) -> sp.Expr:
        # Long sums are left-nested; walking their spine keeps the depth for real nesting.
        terms, last = [], node
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            term = self.build(node.right, depth + 1)
            terms.append(term if isinstance(node.op, ast.Add) else -term)
            node = node.left
        terms.append(self.build(node, depth + 1))
        return self._finite(last, sp.Add(*reversed(terms)))

    def _product(self, node: ast.expr, depth: int) -> sp.Expr:
        factors, last = [], node
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            factor = self.build(node.right, depth + 1)
            if isinstance(node.op, ast.Div):
                if _is_zero(factor):
                    self.fail(node.right, "this divides by zero")
                factor = 1 / factor
            factors.append(factor)
            node = node.left
        factors.append(self.build(node, depth + 1))
        result = self._finite(last, sp.Mul(*reversed(factors)))
        if len(sp.Mul.make_args(result)) > MAX_FACTORS:
            self.fail(last, f"this product has more than {MAX_FACTORS} factors")
        return result

    def _power(self, node: ast.BinOp, depth: int) -> sp.Expr:
        exponent = self.build(node.right, depth + 1)
        if not exponent.is_Number:
            self.fail(node.right, "an exponent must be a number; write exp(y*log(x)) for x**y")
        if abs(exponent) > MAX_EXPONENT:
            self.fail(node.right, f"the exponent is too large; at most {MAX_EXPONENT} in size is supported")
        base = self.build(node.left, depth + 1)
        if _is_zero(base) and exponent < 0:
            self.fail(node, "this divides by zero")
        if exponent.is_Float and Fraction(float(exponent)).denominator <= MAX_EXPONENT:
            exponent = sp.Rational(*float(exponent).as_integer_ratio())  # 0.5 and 2.0 as 1/2 and 2
        if base.is_Number and not exponent.is_Integer:
            return self._evaluate(node, lambda: float(base) ** float(exponent))
        return self._finite(node, base**exponent)

    def _call(self, node: ast.Call, depth: int) -> sp.Expr:
        if not isinstance(node.func, ast.Name):
            if isinstance(node.func, ast.Attribute) and node.func.attr in BY_NAME:
                self.fail(node.func, f"attributes are not supported; write {node.func.attr}(...)")
            self._fail_unsupported(node.func)
        name = node.func.id
        if name not in BY_NAME:
            if name in self.names or name in CONSTANTS:
                self.fail(node, f"{name} is not a function; write {name}*(...) to multiply")
            self.fail(node.func, f"unknown function {name!r}; {self._suggest(name, list(BY_NAME))}")
        if node.keywords or len(node.args) != 1:
            self.fail(node, f"{name} takes exactly one argument, as in {name}(x)")
        argument, function = self.build(node.args[0], depth + 1), BY_NAME[name]
        if argument.is_Number:
            return self._evaluate(node, lambda: float(function.value(np.asarray(float(argument)))))
        return self._finite(node, function.head(argument))

    def _evaluate(self, node: ast.expr, compute) -> sp.Expr:
        """The number that `compute` returns; constants are never left for SymPy to evaluate."""
        try:
            with np.errstate(all="ignore"):
                value = compute()
        except (OverflowError, ZeroDivisionError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            self.fail(node, "this is not a finite real number")
        return number(value)

    def _finite(self, node: ast.expr, expression: sp.Expr) -> sp.Expr:
        """`expression`, once its numbers fit in a float and its exponents are moderate."""
        for factor in sp.Mul.make_args(expression):
            if factor.is_Number:
                size = _magnitude(factor)
                if not math.isfinite(size) or (size == 0 and not _is_zero(factor)):
                    self.fail(
                        node, "a number in this overflows or vanishes; keep numbers between 1e-308 and 1e308"
                    )
            elif factor.is_Pow and factor.exp.is_Number and abs(factor.exp) > MAX_EXPONENT:
                self.fail(
                    node, f"the exponent {factor.exp} is too large; at most {MAX_EXPONENT} is supported"
                )
        return expression

    def _check_characters(self) -> None:
        depth = 0
        for column, character in enumerate(self.text):
            if character == "^":
                self.fail(column, "powers are written **, as in x**2")
            if character in "#\\":
                self.fail(column, f"{character!r} is not part of an expression; supported are {_SUPPORTED}")
            depth += (character in "([{") - (character in ")]}")
            if depth > MAX_DEPTH:
                self.fail(
                    column,
                    _TOO_DEEP,
                )

    def _suggest(self, name: str, known: list[str]) -> str:
        close = [_HABITS[name]] if name in _HABITS else difflib.get_close_matches(name, known, n=1)
        return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known[:40])}"

    def _fail_syntax(self, error: SyntaxError) -> NoReturn:
        column = (error.offset or 1) - 1
        if "digits" in error.msg:
            self.fail(column, "this number has too many digits")
        if (
            "invalid decimal literal" in error.msg
            or "invalid syntax. Perhaps you forgot a comma" in error.msg
        ):
            self.fail(column, "an operator is missing here; write products with *, as in 2*x")
        if "=" in self.text:
            self.fail(self.text.index("="), "only the right-hand side is written, without '='")
        hint = "; products are written with *, as in 2*x" if error.msg == "invalid syntax" else ""
        self.fail(column, f"this is not an expression ({error.msg}){hint}")

    def _fail_unsupported(self, node: ast.expr) -> NoReturn:
        kind = type(node.op if isinstance(node, ast.BinOp | ast.UnaryOp) else node).__name__
        self.fail(node, f"{_WORDS.get(kind, kind.lower())} is not supported; supported are {_SUPPORTED}")

    def fail(self, place: ast.expr | int, message: str) -> NoReturn:
        """Raise FieldError with the text around `place` and carets under it."""
        if isinstance(place, int):
            start, end = place, place + 1
        else:
            # ast counts bytes of UTF-8, people count characters.
            encoded = self.text.encode()
            start = len(encoded[: place.col_offset].decode())
            end = len(encoded[: place.end_col_offset or place.col_offset + 1].decode())
        text = decode_primes(self.text)
        start = min(max(start, 0), len(text))
        left, right = max(0, start - _EXCERPT), min(len(text), start + _EXCERPT)
        before, after = "..." * (left > 0), "..." * (right < len(text))
        carets = "^" * max(1, min(end, right) - start)
        raise FieldError(
            f"{self.label}, column {start + 1}: {decode_primes(message)}\n"
            f"    {before}{text[left:right]}{after}\n"
            f"    {' ' * (len(before) + start - left)}{carets}"
        )


def _is_zero(value: sp.Expr) -> bool:
    return bool(value.is_Number and not value)


def _magnitude(value: sp.Number) -> float:
    try:
        return abs(float(value))
    except OverflowError:
        return math.inf
