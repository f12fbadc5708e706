"""Rigorous bounds and enclosures against all that might exceed them: a little of benchmarks/soundness.py."""

import sys
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.constructions.refine.parameters import project
from vanillaflow.enclosures.forms import SMOOTH, Forms, apply, real_power
from vanillaflow.enclosures.monomials import monomials
from vanillaflow.enclosures.patches import Patches, first_cells, halve

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from soundness_cells import margins
from soundness_damage import KINDS, damaged, judged
from soundness_digits import compared, disagreement

SMALL = tuple(name for name in vf.zoo.names() if vf.zoo.load(name).domain.dim <= 3)
numbers = st.floats(-8, 8, allow_subnormal=False).map(lambda v: round(v, 6))
parts = st.fractions(-1, 1, max_denominator=1000)

exact = mpmath.MPContext()
exact.dps = 50
EXACT = {
    "exp": exact.exp,
    "log": exact.log,
    "sin": exact.sin,
    "cos": exact.cos,
    "tanh": exact.tanh,
    "sigmoid": lambda z: 1 / (1 + exact.exp(-z)),
    "normal_cdf": exact.ncdf,
    "normal_density": exact.npdf,
    "arctan": exact.atan,
    "softplus": lambda z: exact.log1p(exact.exp(z)),
    "reciprocal": lambda z: 1 / z,
}
POSITIVE = ("log", "reciprocal")


def near_identity(domain: vf.Box, kinks: int, seed: int) -> vf.PlanarFlow:
    """A random flow with its kinks in the box."""
    rng, d = np.random.default_rng(seed), domain.dim
    w = rng.normal(size=(kinks, d))
    w /= np.linalg.norm(w, axis=1)[:, None]
    t = np.einsum("ld,ld->l", w, domain.uniform(kinks, seed=seed))
    a = 0.2 * rng.normal(size=(kinks, d))
    return project(a, w, t, np.eye(d) + 0.1 * rng.normal(size=(d, d)), rng.normal(size=d)).flow(domain)


def worst(function, forms: Forms, value, e) -> float:
    """The largest |f(z) - forms| / r of z = c + g e + r s, where s is -1 or 1."""
    result, largest = apply(forms, function), 0.0
    assert np.isfinite(result.r).all()
    for i in range(forms.c.shape[1]):
        c, g, r = (exact.mpf(float(v)) for v in (forms.c[0, i], forms.g[0, 0, i], forms.r[0, i]))
        new = [exact.mpf(float(v)) for v in (result.c[0, i], result.g[0, 0, i], result.r[0, i])]
        for s in (-1, 1):
            off = abs(value(c + g * exact.mpf(e[i]) + r * s) - new[0] - new[1] * exact.mpf(e[i]))
            largest = max(largest, float(off / new[2]) if new[2] > 0 else np.inf if off > 0 else 0.0)
    return largest


def arguments(radius: float, low: float, high: float, rng: np.random.Generator, n: int = 80) -> Forms:
    return Forms(
        rng.uniform(low, high, (1, n)), np.full((1, 1, n), 0.7 * radius), np.full((1, n), 0.3 * radius)
    )


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_functions_hold_their_values_to_fifty_digits(name):
    rng = np.random.default_rng(0)
    for radius in (0.0, 1e-16, 1e-12, 1e-6, 1e-2, 1.0):
        forms = arguments(radius, 1.05 * radius + 1e-3 if name in POSITIVE else -12, 12, rng)
        e = rng.choice([-1.0, 1.0, 0.3], forms.c.shape[1])
        assert worst(SMOOTH[name], forms, EXACT[name], e) <= 1, radius


@pytest.mark.parametrize("p", [-1.5, 0.5, 2.7])
def test_real_powers_hold_their_values_to_fifty_digits(p):
    rng = np.random.default_rng(1)
    for radius in (0.0, 1e-12, 1e-2, 1.0):
        forms = arguments(radius, 1.05 * radius + 1e-2, 5, rng)
        e = rng.choice([-1.0, 1.0, 0.3], forms.c.shape[1])
        assert worst(real_power(p), forms, lambda z: z ** exact.mpf(p), e) <= 1, radius


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([(1, 5), (2, 4), (3, 3)]), st.data())
def test_polynomials_over_cells_hold_the_exact_rational_values(size, data):
    d, degree = size
    known = monomials(d, degree)

    def some(count, of=numbers):
        return data.draw(st.lists(of, min_size=count, max_size=count))

    center, half = np.array(some(d)), np.abs(some(d)) + 2.0**-10
    c, g, rest = some(1)[0], np.array(some(len(known))), abs(some(1)[0])
    patch = Patches(
        known,
        center[None],
        half[None],
        np.full((1, d), c),
        np.broadcast_to(g[:, None], (1, len(known), d)).copy(),
        np.full((1, d), rest),
    )
    # A cell within the patch, and a point of it.
    scale = data.draw(st.floats(2.0**-20, 1.0))
    cell = center + np.array([float(v) for v in some(d, parts)]) * (1 - scale) * half
    forms = patch.forms(np.array([0]), cell[None], (scale * half)[None])
    f = some(d, parts)
    x = [Fraction(float(m)) + Fraction(float(scale * h)) * v for m, h, v in zip(cell, half, f)]
    symbols = [(v - Fraction(float(m))) / Fraction(float(h)) for v, m, h in zip(x, center, half)]
    value = Fraction(c)
    for exponents, coefficient in zip(known.exponents.tolist(), g):
        term = Fraction(float(coefficient))
        for symbol, power in zip(symbols, exponents):
            term *= symbol**power
        value += term
    for i in range(d):
        middle = Fraction(float(forms.c[i, 0]))
        middle += sum(Fraction(float(forms.g[j, i, 0])) * f[j] for j in range(d))
        assert abs(value - middle) + Fraction(rest) <= Fraction(float(forms.r[i, 0]))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3), st.integers(0, 5))
def test_cells_leave_no_gap(count, low, width, cuts):
    """Not even one between neighbouring numbers, in exact arithmetic."""
    box = vf.Box([low], [low + width])
    centers, halves = first_cells(box, count)
    for _ in range(cuts):
        centers, halves = halve(centers, halves, np.zeros(len(centers), dtype=np.int64))
    order = np.argsort(centers[:, 0])
    low_end = [Fraction(float(centers[i, 0])) - Fraction(float(halves[i, 0])) for i in order]
    high_end = [Fraction(float(centers[i, 0])) + Fraction(float(halves[i, 0])) for i in order]
    assert low_end[0] <= Fraction(float(box.low[0])) and Fraction(float(box.high[0])) <= high_end[-1]
    assert all(after <= before for before, after in zip(high_end, low_end[1:]))


@pytest.mark.parametrize("name", SMALL)
def test_bounds_of_small_cells(name):
    """Of a flow for cells without kinks, mostly: close, yet above."""
    found = margins(name, near_identity(vf.zoo.load(name).domain, 12, 1), "float64", 1e-6, 30, 1e-8)
    assert found.violations == 0
    assert found.cells >= 10 and found.median <= 1e-7


@pytest.mark.parametrize("name", ["pendulum", "lorenz"])
def test_bounds_of_small_cells_of_networks(name):
    """In float32, for cells with some kinks."""
    network = near_identity(vf.zoo.load(name).domain, 12, 1).to_network()
    found = margins(name, network, "float32", 1e-2, 30, 1e-8)
    assert found.violations == 0 and found.cells >= 10


@pytest.mark.parametrize("kind", KINDS)
def test_bounds_see_damage(kind):
    flow = near_identity(vf.zoo.pendulum().domain, 12, 1)
    worse = damaged(flow, kind, np.random.default_rng(0))
    whole = flow.to_network() if isinstance(worse, vf.FeedforwardNetwork) else flow
    x = vf.zoo.pendulum().domain.sample(512)
    assert not np.array_equal(worse(x), whole(x))
    found = judged("pendulum", flow, kind, seed=0)
    assert found.sampled <= found.bound <= 1.6 * found.sampled


@pytest.mark.parametrize(
    ("name", "points"),
    [("pendulum", 12), ("duffing", 12), ("lotka_volterra", 10), ("hopfield", 4), ("lorenz", 6)],
)
def test_enclosures_hold_the_flow_to_fifty_digits(name, points):
    for found in compared(name, points, seed=1).values():
        assert found.violations == 0 and found.ratios.size > 0
        assert found.ratios.max() <= 1


@pytest.mark.parametrize("name", ["duffing", "lotka_volterra", "lorenz"])
def test_two_ways_to_fifty_digits_agree(name):
    assert disagreement(name) <= 1e-50
