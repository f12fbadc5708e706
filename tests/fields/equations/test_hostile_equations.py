"""Random text as equations: a field or a FieldError, soon, and nothing else happens.

`fuzz_equations.py` does the same guided by coverage, for as long as one likes (`make fuzz`).
"""

import builtins
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import thread_time

import numpy as np
import pytest
import sympy.core.cache
from hypothesis import example, given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow import from_equations  # loaded now, so that no module is while text must not be executed
from vanillaflow.fields.equations.functions import BY_NAME

TOKENS = [
    *["x", "y", "x'", "y''", "t", "k", "u", "z", "pi", "e", "_", "__import__", "os", "lambda", "if", "eval"],
    *["0", "1", "-2", "3.5", "1e9", "1e-300", "1e308", "0x1F", "1_0", "64", "1j", "'a'", '"', "f'{x}'"],
    *["+", "-", "*", "/", "**", "//", "%", "^", "=", "==", "<", ":=", ",", ".", "(", ")", "[", "]", "{", "}"],
    *[" ", "\n", "\t", "\\", "#", "@", "~", "!", ";", ":", "\0", "é", "ʹ", "٣", "𝟙", "∂"],
    *[f"{name}(" for name in BY_NAME],
]
texts = st.one_of(
    st.lists(st.sampled_from(TOKENS), max_size=40).map("".join),
    st.text(max_size=60),
    st.integers(1, 3000).map(lambda n: "(" * n + "x" + ")" * n),
    st.integers(1, 3000).map(lambda n: "x" + "*(1+x)" * n),
)
# What is slow is slow again; a garbage collection or the first use of a module is not.
SECONDS, ATTEMPTS = 1.0, 3


@contextmanager
def nothing_is_executed() -> Iterator[None]:
    """What would execute text is out of order meanwhile, but for the annotation checks of the tests."""

    def only_for_checks(real):
        def executed(*arguments):
            caller = sys._getframe(1)
            checks = caller.f_globals["__name__"].startswith("jaxtyping")
            assert checks or not isinstance(arguments[0], str), "text was executed"
            return real(*arguments)

        return executed

    with pytest.MonkeyPatch.context() as patch:
        for name in ("eval", "exec"):
            patch.setattr(builtins, name, only_for_checks(getattr(builtins, name)))
        yield


def read(equations):
    """The field, or None if it is refused in due form; in time either way."""
    for _ in range(ATTEMPTS):
        sympy.core.cache.clear_cache()
        started = thread_time()
        field = read_once(equations)
        if thread_time() - started < SECONDS:
            return field
    raise AssertionError(f"{ATTEMPTS} attempts at {equations} took more than {SECONDS} s each")


def read_once(equations):
    try:
        with nothing_is_executed():
            field = from_equations(equations, {"k": 0.3}, inputs=["u"])
    except vf.FieldError as error:
        assert str(error)
        field = None
    return field


@settings(max_examples=120, deadline=None)
@given(texts, texts)
@example("sin(x)**64*(1+y)**64", "((((1+x)**2+y)**3+x)**4+y)**5")
@example("exp(exp(exp(exp(x))))", "x**0.3*y**-0.7")
def test_any_text_is_a_field_or_an_error_soon(first, second):
    for equations in ({"x": first, "y": second}, {"x": second, "y''": first}):
        field = read(equations)
        if field is not None:
            x = np.random.default_rng(0).normal(size=(5, field.dim))
            with np.errstate(all="ignore"):
                assert field(0.5, x).shape == x.shape


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_any_names_are_taken_or_refused(variable, other):
    read({variable: "1", other: "x"})
