"""Splitting schemes as data, and the sequence of sub-flows that a scheme asks for.

A field v = v_0 + v_1 + ... + v_N is flowed one piece at a time. Let X(h) = phi_N(h) o ... o phi_0(h) be the
Lie-Trotter step (piece 0 first) and X*(h) the same in reversed order, its adjoint. Every scheme here is a
composition of X(f h) and X*(f h); a symmetric two-operator splitting with coefficients a_i, b_i is turned
into this form, which works for any number of pieces, by McLachlan's correspondence (McLachlan 1995, "On the
numerical integration of ODEs by symmetric composition methods"):
    a_1 = f_1, b_1 = f_1 + f_2, a_2 = f_2 + f_3, ...   (X* and X alternating).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Scheme:
    """A composition method. `stages` are (fraction of the step, whether reversed), first to last.

    `affine` is the index of the affine piece A x + c in a sequence; ridge pieces are 0..N-1.
    """

    affine: ClassVar[int] = -1

    name: str
    order: int
    stages: tuple[tuple[float, bool], ...]


def _compose_strang(fractions: list[float]) -> tuple[tuple[float, bool], ...]:
    return tuple(stage for f in fractions for stage in ((f / 2, False), (f / 2, True)))


def _from_two_operators(a: list[float], b: list[float]) -> tuple[tuple[float, bool], ...]:
    """The stages of the symmetric method a_1 b_1 a_2 ... b_s a_{s+1}, given its first half.

    `a` and `b` list a_1.. and b_1.. up to the middle; where the middle coefficient is missing it follows
    from sum a = sum b = 1.
    """
    interleaved = [c for pair in zip(a, b) for c in pair] + a[len(b) :]
    fractions = [interleaved[0]]
    for coefficient in interleaved[1:]:
        fractions.append(coefficient - fractions[-1])
    # The composition is symmetric, f_{2s+1-i} = f_i, so its first half is all that is needed.
    return tuple((f, i % 2 == 1) for i, f in enumerate(fractions + fractions[::-1]))


def _blanes_moan(order: int) -> Scheme:
    """Blanes and Moan 2002, "Practical symplectic partitioned Runge-Kutta and Runge-Kutta-Nystrom methods",
    Table 2: S6 (order 4, six stages) and S10 (order 6, ten stages)."""
    if order == 4:
        a = [0.0792036964311957, 0.353172906049774, -0.0420650803577195]
        b = [0.209515106613362, -0.143851773179818]
    else:
        a = [0.0502627644003922, 0.413514300428344, 0.0450798897943977, -0.188054853819569, 0.541960678450780]
        b = [0.148816447901042, -0.132385865767784, 0.067307604692185, 0.432666402578175]
    b = [*b, 0.5 - sum(b)]
    return Scheme(f"blanes-moan-{order}", order, _from_two_operators(a, b))


def _yoshida() -> Scheme:
    """Yoshida 1990, "Construction of higher order symplectic integrators": the triple jump."""
    f = 1 / (2 - 2 ** (1 / 3))
    return Scheme("yoshida", 4, _compose_strang([f, 1 - 2 * f, f]))


def _suzuki() -> Scheme:
    """Suzuki 1990, "Fractal decomposition of exponential operators": five steps, none above the whole."""
    f = 1 / (4 - 4 ** (1 / 3))
    return Scheme("suzuki", 4, _compose_strang([f, f, 1 - 4 * f, f, f]))


SCHEMES = {
    scheme.name: scheme
    for scheme in [
        Scheme("lie", 1, ((1.0, False),)),
        Scheme("strang", 2, _compose_strang([1.0])),
        _yoshida(),
        _suzuki(),
        _blanes_moan(4),
        _blanes_moan(6),
    ]
}


def sequence(scheme: Scheme, pieces: list[int], steps: int) -> list[tuple[int, float]]:
    """The sub-flows of `steps` equal steps over unit time: (piece, time), first to last.

    Adjacent sub-flows of one piece are merged (at the seams of reversed stages and of consecutive steps),
    and those of zero time dropped.
    """
    one_step = [
        (piece, fraction / steps)
        for fraction, is_reversed in scheme.stages
        for piece in (reversed(pieces) if is_reversed else pieces)
    ]
    merged: list[tuple[int, float]] = []
    for piece, time in one_step * steps:
        if merged and merged[-1][0] == piece:
            merged[-1] = (piece, merged[-1][1] + time)
        else:
            merged.append((piece, time))
    return [(piece, time) for piece, time in merged if time != 0.0]
