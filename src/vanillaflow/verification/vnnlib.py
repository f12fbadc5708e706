"""VNN-LIB 1.0, the files in which verifiers of neural networks read a property (vnnlib.org, VNN-COMP).

    (declare-const X_0 Real)        an input
    (declare-const Y_0 Real)        an output
    (assert (<= X_0 0.5))           together, the assertions say what violates the property
    (assert (or (and (<= Y_0 Y_1)) (and (>= Y_0 2.0))))

Reading multiplies the formula out into its disjunctive normal form, one UnsafeSet per alternative.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..box import Box
from ..errors import FileFormatError
from ..files import read_bytes, write_atomically
from ..text import one_line
from .formulas import Alternative, Assertions, InputBound, OutputRow, parse_assertions
from .properties import Property, UnsafeSet

if TYPE_CHECKING:
    from os import PathLike

# The bounds of some 100,000 inputs.
_MAX_BYTES = 2**23


def read_vnnlib(path: str | PathLike[str]) -> Property:
    """Read a property from the VNN-LIB file `path`; its name is that of the file, without the suffix.

    `<` and `>` are read as `<=` and `>=`, with which the property is violated the sooner. Numbers, and sums,
    products and quotients of the numbers in the file, are rounded to float64. An alternative whose bounds
    of an input contradict each other is left out.

    Raises
    ------
    FileFormatError
        If it is no VNN-LIB 1.0 file, or its formula has a constraint of several inputs, or of inputs and
        outputs; leaves an input without bounds or with one value only; leaves the outputs free; contradicts
        itself; or has more than MAX_ALTERNATIVES alternatives. The message names the file and, where there is
        one, the line.
    VanillaflowError
        If there is no such file.
    """
    content = read_bytes(path, _MAX_BYTES)
    try:
        return Property(_unsafe_sets(parse_assertions(content.decode("utf-8-sig"))), Path(path).stem)
    except UnicodeDecodeError:
        raise FileFormatError(f"cannot read {os.fspath(path)!r}: it is not a text in UTF-8") from None
    except FileFormatError as error:
        raise FileFormatError(f"cannot read {os.fspath(path)!r}: {error}") from None


def write_vnnlib(property: Property, path: str | PathLike[str]) -> None:
    """Write the property as a VNN-LIB file, from which `read_vnnlib` reads the same sets to the bit.

    Bounds and comparisons of two outputs are written in the plain form that every verifier reads. Other rows
    of A become sums with factors, as `(+ Y_0 (* 2.0 Y_1))`, which the standard has and some verifiers refuse.

    Raises
    ------
    OutputError
        If `path` cannot be written.
    """
    write_atomically(path, _text(property).encode("ascii", "backslashreplace"))


def _unsafe_sets(assertions: Assertions) -> list[UnsafeSet]:
    sets = [_unsafe_set(each, assertions.inputs, assertions.outputs) for each in assertions.alternatives]
    possible = [each for each in sets if each is not None]
    if not possible:
        raise FileFormatError("its assertions contradict each other: no start satisfies them")
    return possible


def _unsafe_set(alternative: Alternative, inputs: int, outputs: int) -> UnsafeSet | None:
    """The set where its constraints hold; None if its bounds contradict each other."""
    low, high = [-math.inf] * inputs, [math.inf] * inputs
    for each in alternative:
        if isinstance(each, InputBound) and each.upper:
            high[each.i] = min(high[each.i], each.value)
        elif isinstance(each, InputBound):
            low[each.i] = max(low[each.i], each.value)
    if any(least > most for least, most in zip(low, high)):
        return None
    for i in range(inputs):
        if not (math.isfinite(low[i]) and math.isfinite(high[i])):
            side = "an upper" if math.isfinite(low[i]) else "a lower"
            raise FileFormatError(f"X_{i} needs {side} bound; every input must be bounded")
        if low[i] == high[i]:
            raise FileFormatError(f"X_{i} has the one value {low[i]!r}; its bounds must leave it an interval")
    rows = [each for each in alternative if isinstance(each, OutputRow)]
    if not rows:
        raise FileFormatError("an alternative has no constraint of the outputs; any network would violate it")
    A = np.zeros((len(rows), outputs))
    for row, target in zip(rows, A):
        for j, factor in row.factors.items():
            target[j] = factor
    return UnsafeSet(Box(low, high), A, [row.right for row in rows])


def _text(property: Property) -> str:
    lines = [f"; {one_line(property.name)}", ""]
    lines += [f"(declare-const X_{i} Real)" for i in range(property.inputs)]
    lines += [f"(declare-const Y_{j} Real)" for j in range(property.outputs)]
    first = property.unsafe[0]
    one_box = all(each.box == first.box for each in property.unsafe)
    shared = _bounds(first.box) if one_box else []
    alternatives = [([] if one_box else _bounds(each.box)) + _rows(each) for each in property.unsafe]
    if len(alternatives) == 1:
        shared, alternatives = shared + alternatives[0], []
    lines += ["", *(f"(assert {constraint})" for constraint in shared)]
    if alternatives:
        lines += ["(assert (or", *(f"    (and {' '.join(each)})" for each in alternatives), "))"]
    return "\n".join(lines) + "\n"


def _bounds(box: Box) -> list[str]:
    ends = zip(box.low.tolist(), box.high.tolist())
    return [f"({sign} X_{i} {end!r})" for i, pair in enumerate(ends) for sign, end in zip((">=", "<="), pair)]


def _rows(unsafe: UnsafeSet) -> list[str]:
    return [_row(factors, right) for factors, right in zip(unsafe.A.tolist(), unsafe.b.tolist())]


def _row(factors: list[float], right: float) -> str:
    """sum of factors[j] * Y_j <= right, in the plainest form."""
    used = {j: factor for j, factor in enumerate(factors) if factor != 0} or {0: 0.0}
    match sorted((factor, j) for j, factor in used.items()):
        case [(1.0, j)]:
            return f"(<= Y_{j} {right!r})"
        case [(-1.0, j)]:
            return f"(>= Y_{j} {0.0 - right!r})"
        case [(-1.0, more), (1.0, less)] if right == 0:
            return f"(<= Y_{less} Y_{more})"
    terms = " ".join(_product(factor, j) for j, factor in used.items())
    return f"(<= {terms if len(used) == 1 else f'(+ {terms})'} {right!r})"


def _product(factor: float, j: int) -> str:
    if abs(factor) == 1:
        return f"Y_{j}" if factor > 0 else f"(- Y_{j})"
    return f"(* {factor!r} Y_{j})"
