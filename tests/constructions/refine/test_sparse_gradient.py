"""Gradients in a flow's nonzero numbers are those of differences, and leave zeros alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flow_cases import random_flow
from vanillaflow import PlanarFlow
from vanillaflow.constructions.refine.sparse_gradient import SparseNumbers


def sparse_flow(dim: int, seed: int) -> PlanarFlow:
    """Planar maps of which two thirds of the numbers are zero, with affine maps among them."""
    rng = np.random.default_rng(seed)
    flow = random_flow(seed, dim, ["plain"] * 12, affine=3)
    keep = rng.random(flow.a.shape) < 1 / 3
    w = np.where(rng.random(flow.w.shape) < 1 / 3, flow.w, 0.0)
    a = np.where(keep, flow.a, 0.0)
    # A positive kappa.
    a *= np.minimum(1, 0.5 / np.maximum(np.abs(np.einsum("ld,ld->l", a, w)), 1e-9))[:, None]
    return PlanarFlow(a, w, flow.t, flow.stops, flow.M, flow.m, flow.domain)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 7), st.integers(0, 999), st.sampled_from([2.0, 8.0]))
def test_gradients_are_those_of_differences(dim, seed, p):
    flow = sparse_flow(dim, seed)
    numbers = SparseNumbers.of(flow)
    rng = np.random.default_rng(seed)
    x = flow.domain.sample(150, seed)
    y = flow(x) + rng.normal(size=x.shape)
    norm, gradient = numbers.p_norm(numbers.start, x, y, p)
    residual = np.abs(flow(x) - y)
    assert norm == pytest.approx(float(np.mean(residual**p) ** (1 / p)), rel=1e-12)
    step = 1e-8 * rng.normal(size=gradient.size)
    up, down = (numbers.p_norm(numbers.start + s * step, x, y, p)[0] for s in (1, -1))
    # Where a point crosses a kink within the step the derivative jumps, by a part of the whole.
    assert (up - down) / 2 == pytest.approx(gradient @ step, abs=3e-5 * np.linalg.norm(step) * norm + 1e-15)


@pytest.mark.parametrize("dim", [1, 3, 6])
def test_the_start_is_the_flow_and_zeros_stay(dim):
    flow = sparse_flow(dim, dim)
    numbers = SparseNumbers.of(flow)
    same = numbers.at(numbers.start)
    for name in ("a", "w", "t", "stops", "M", "m"):
        np.testing.assert_array_equal(getattr(same, name), getattr(flow, name))
    other = numbers.at(1.01 * numbers.start)
    np.testing.assert_array_equal(other.a != 0, flow.a != 0)
    np.testing.assert_array_equal(other.w != 0, flow.w != 0)
    assert numbers.sizes.shape == numbers.start.shape and np.all(numbers.sizes > 0)
