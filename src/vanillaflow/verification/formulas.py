"""VNN-LIB text -> the formula that it asserts, in disjunctive normal form.

A list is evaluated when its parenthesis closes, on an explicit stack, so that no nesting exhausts Python's.
Limits on nesting and on what is multiplied out keep hostile text cheap.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, product
from typing import NamedTuple, NoReturn

from ..errors import FileFormatError
from ..text import one_line

MAX_ALTERNATIVES = 10_000
MAX_DEPTH = 100
# Constraints and factors that are multiplied out: some 80 MB.
MAX_SIZE = 10_000_000

_TOKEN = re.compile(r"[()]|[^\s()]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_VARIABLE = re.compile(r"[XY]_(0|[1-9][0-9]{0,7})")
_COMPARISONS = ("<=", ">=", "<", ">")


class _Term(NamedTuple):
    """constant + sum of factors[v] * v over the variables v."""

    factors: dict[str, float]
    constant: float


class InputBound(NamedTuple):
    """X_i <= value if `upper`, else X_i >= value."""

    i: int
    upper: bool
    value: float


class OutputRow(NamedTuple):
    """sum over j of factors[j] * Y_j <= right."""

    factors: dict[int, float]
    right: float


# All of these constraints hold.
Alternative = tuple[InputBound | OutputRow, ...]


@dataclass(frozen=True)
class _Formula:
    """One of the alternatives holds: a formula in disjunctive normal form. False if there are none."""

    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class Assertions:
    """What a text declares, and what it asserts: that one of the alternatives holds."""

    inputs: int
    outputs: int
    alternatives: tuple[Alternative, ...]


def parse_assertions(text: str) -> Assertions:
    """The assertions of a VNN-LIB 1.0 text, multiplied out.

    Raises FileFormatError, naming the line where there is one, if it is none; if a constraint is of several
    inputs, of inputs and outputs, or not linear; and if there are more than MAX_ALTERNATIVES alternatives,
    or more than MAX_SIZE numbers in all.
    """
    return _Reader().read(text)


class _Reader:
    """One pass over one text. `line` is the line of the list that is being evaluated."""

    def __init__(self) -> None:
        self.line = 1
        self.declared: set[str] = set()
        self.asserted: list[_Formula] = []
        self.size = 0

    def read(self, text: str) -> Assertions:
        stack: list[tuple[int, list]] = []  # The open lists, each with its line and what it holds so far.
        for line, token in _tokens(text):
            self.line = line
            if token == "(":
                if len(stack) == MAX_DEPTH:
                    self.fail(f"parentheses are nested more than {MAX_DEPTH} deep")
                stack.append((line, []))
            elif not stack:
                self.fail(f"expected (declare-const ...) or (assert ...), found {_show(token)}")
            elif token != ")":
                stack[-1][1].append(token)
            else:
                self.line, items = stack.pop()
                if stack:
                    stack[-1][1].append(self.evaluate(items))
                else:
                    self.execute(items)
        if stack:
            self.line = stack[-1][0]
            self.fail("the parenthesis that opens here is never closed")
        inputs, outputs = self.declared_count("X", "input"), self.declared_count("Y", "output")
        alternatives = self.all_of(self.asserted).alternatives
        for each in alternatives:  # As matrices they take more: every row has a factor for every output.
            self.spend(2 * inputs + outputs * sum(isinstance(c, OutputRow) for c in each))
        return Assertions(inputs, outputs, alternatives)

    def fail(self, message: str) -> NoReturn:
        raise FileFormatError(f"line {self.line}: {message}")

    def spend(self, size: int) -> None:
        self.size += size
        if self.size > MAX_SIZE:
            raise FileFormatError(
                f"multiplied out, its formula has more than {MAX_SIZE} constraints or numbers"
            )

    def execute(self, items: list) -> None:
        match items:
            case ["declare-const", str(name), "Real"]:
                if not _VARIABLE.fullmatch(name):
                    self.fail(f"a variable is called X_0, X_1, ... or Y_0, Y_1, ..., not {_show(name)}")
                if name in self.declared:
                    self.fail(f"{name} is declared a second time")
                self.declared.add(name)
            case ["declare-const", *_]:
                self.fail("a declaration must be of the form (declare-const X_0 Real)")
            case ["assert", _Formula() as formula]:
                self.asserted.append(formula)
            case ["assert", *_]:
                self.fail("assert takes one comparison, (and ...) or (or ...)")
            case [str(word), *_]:
                self.fail(f"a VNN-LIB 1.0 file has only declare-const and assert, not {_show(word)}")
            case _:
                self.fail("expected (declare-const ...) or (assert ...)")

    def evaluate(self, items: list) -> _Term | _Formula:
        if not items or not isinstance(items[0], str):
            self.fail("a list must start with an operator such as <=, and, or, +, -, *")
        operator, *arguments = items
        if operator in ("and", "or"):
            if not arguments or not all(isinstance(each, _Formula) for each in arguments):
                self.fail(f"{operator} takes comparisons, (and ...) and (or ...), one at least")
            return self.all_of(arguments) if operator == "and" else self.any_of(arguments)
        if operator in _COMPARISONS:
            if len(arguments) != 2:
                self.fail(f"{operator} compares two terms, here are {len(arguments)}")
            left, right = (self.term(each) for each in arguments)
            return self.at_most(left, right) if operator in ("<=", "<") else self.at_most(right, left)
        if operator not in ("+", "-", "*"):
            self.fail(f"unknown operator {_show(operator)}; known are <=, >=, <, >, and, or, +, -, *")
        if not arguments:
            self.fail(f"{operator} takes one term at least")
        terms = [self.term(each) for each in arguments]
        if operator == "*":
            return self.product(terms)
        if operator == "-":
            first = terms[:1] if len(terms) > 1 else []
            terms = first + [_scale(each, -1.0) for each in terms[len(first) :]]
        return self.finite(_sum(terms))

    def term(self, argument: str | _Term | _Formula) -> _Term:
        if isinstance(argument, _Term):
            return argument
        if isinstance(argument, _Formula):
            self.fail("expected a number, a variable or a sum, found a comparison")
        if argument in self.declared:
            return _Term({argument: 1.0}, 0.0)
        if _NUMBER.fullmatch(argument):
            return self.finite(_Term({}, float(argument)))
        if _VARIABLE.fullmatch(argument):
            self.fail(f"{argument} is not declared")
        self.fail(f"{_show(argument)} is neither a number nor a variable")

    def product(self, terms: list[_Term]) -> _Term:
        variable = [each for each in terms if each.factors]
        if len(variable) > 1:
            self.fail("a product of variables is not linear")
        factor = math.prod(each.constant for each in terms if not each.factors)
        return self.finite(_scale(variable[0] if variable else _Term({}, 1.0), factor))

    def finite(self, term: _Term) -> _Term:
        self.spend(len(term.factors))
        if not all(map(math.isfinite, (term.constant, *term.factors.values()))):
            self.fail("a number is too large; numbers must be below 1.8e308 in size")
        return term

    def at_most(self, left: _Term, right: _Term) -> _Formula:
        """left <= right, which must bound one input, constrain outputs, or be a matter of numbers alone."""
        factors, constant = self.finite(_sum([left, _scale(right, -1.0)]))
        inputs = [name for name in factors if name[0] == "X"]
        outputs = [name for name in factors if name[0] == "Y"]
        if inputs and outputs:
            self.fail(f"a constraint of inputs and outputs, {inputs[0]} and {outputs[0]}, is not supported")
        if len(inputs) > 1:
            self.fail(f"a constraint of several inputs, {inputs[0]} and {inputs[1]}, is not supported")
        if outputs:
            return _Formula(((OutputRow({int(name[2:]): factors[name] for name in outputs}, -constant),),))
        if inputs:
            factor = factors[inputs[0]]
            if factor == 0:
                self.fail(f"{inputs[0]} has the factor zero in this constraint, which does not bound it")
            value = self.finite(_Term({}, -constant / factor)).constant
            return _Formula(((InputBound(int(inputs[0][2:]), factor > 0, value),),))
        return _Formula(((),) if constant <= 0 else ())

    def any_of(self, formulas: list[_Formula]) -> _Formula:
        count = sum(len(each.alternatives) for each in formulas)
        self.limit(count)
        self.spend(count)
        return _Formula(tuple(chain.from_iterable(each.alternatives for each in formulas)))

    def all_of(self, formulas: list[_Formula]) -> _Formula:
        if not all(each.alternatives for each in formulas):
            return _Formula(())
        count = 1
        for each in formulas:
            count *= len(each.alternatives)
            self.limit(count)
        for each in formulas:
            # Each of its alternatives comes up in as many of the result; one more for the empty ones.
            self.spend(count // len(each.alternatives) * sum(len(a) + 1 for a in each.alternatives))
        choices = product(*(each.alternatives for each in formulas))
        return _Formula(tuple(tuple(chain.from_iterable(choice)) for choice in choices))

    def declared_count(self, letter: str, what: str) -> int:
        """The number of declared inputs or outputs, which must be numbered from 0 without a gap."""
        count = sum(name[0] == letter for name in self.declared)
        for i in range(max(count, 1)):
            if f"{letter}_{i}" not in self.declared:
                raise FileFormatError(f"it declares {count} {what}s, but {letter}_{i} is not among them")
        return count

    def limit(self, count: int) -> None:
        if count > MAX_ALTERNATIVES:
            raise FileFormatError(
                f"multiplied out, its formula has more than {MAX_ALTERNATIVES} alternatives"
            )


def _sum(terms: list[_Term]) -> _Term:
    factors: dict[str, float] = {}
    for term in terms:
        for name, factor in term.factors.items():
            factors[name] = factors.get(name, 0.0) + factor
    return _Term(factors, sum(term.constant for term in terms))


def _scale(term: _Term, factor: float) -> _Term:
    return _Term({name: factor * each for name, each in term.factors.items()}, factor * term.constant)


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    """Parentheses and words, each with its line. A comment runs from a semicolon to the end of its line."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        for token in _TOKEN.finditer(line.partition(";")[0]):
            yield number, token[0]


def _show(token: str) -> str:
    return repr(one_line(token if len(token) <= 40 else token[:40] + "..."))
