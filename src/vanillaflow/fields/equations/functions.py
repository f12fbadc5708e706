"""The functions that equations may call: for each its SymPy head, value, derivative and ridge profile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import sympy as sp

from ..profiles import Profile, get_profile

Scalar = Callable[[np.ndarray], np.ndarray]
Parity = Literal["odd", "even", "identity", "complement"] | None


@dataclass(frozen=True)
class Elementary:
    """A function of one real variable.

    `head` builds the SymPy expression; `profile` is the registered profile it is, where there is one.
    `parity` says how g(-z) is written by g(z): odd, even, or, as for relu, `identity` (g(-z) = g(z) - z),
    or, as for sigmoid, `complement` (g(-z) = 1 - g(z)).
    """

    name: str
    head: Any
    value: Scalar
    derivative: Scalar
    profile: Profile | None = None
    parity: Parity = None


def _register(name: str, head: Any, parity: Parity = None) -> Elementary:
    profile = get_profile(name)
    return Elementary(name, head, profile.value, profile.derivative, profile, parity)


_ALL = [
    _register("sin", sp.sin, "odd"),
    _register("cos", sp.cos, "even"),
    Elementary("tan", sp.tan, np.tan, lambda z: 1 + np.tan(z) ** 2),
    _register("exp", sp.exp),
    Elementary("log", sp.log, np.log, lambda z: 1 / z),
    Elementary("sqrt", sp.sqrt, np.sqrt, lambda z: 0.5 / np.sqrt(z)),
    _register("tanh", sp.tanh, "odd"),
    Elementary("sinh", sp.sinh, np.sinh, np.cosh),
    Elementary("cosh", sp.cosh, np.cosh, np.sinh),
    _register("abs", sp.Abs, "even"),
    _register("arctan", sp.atan, "odd"),
    _register("sigmoid", sp.Function("sigmoid", real=True), "complement"),
    _register("softplus", sp.Function("softplus", real=True), "identity"),
    _register("relu", sp.Function("relu", real=True), "identity"),
]

# By the name that equations use, and by the head of the SymPy expression (sqrt becomes a power there).
BY_NAME: dict[str, Elementary] = {f.name: f for f in _ALL}
BY_NAME["atan"] = BY_NAME["arctan"]
BY_HEAD: dict[Any, Elementary] = {f.head: f for f in _ALL if f.name != "sqrt"}
