"""Bases of orthogonal complements: orthonormal, and close to the one before where the spaces are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vanillaflow.lowering.complements import complements


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 6), st.lists(st.integers(1, 6), max_size=8), st.integers(0, 2**32 - 1))
def test_complements(d, counts, seed):
    rng = np.random.default_rng(seed)
    spans = []
    for k in counts:
        # Independent rows, of condition 4 at most, each of its own size.
        rows = np.linalg.qr(rng.standard_normal((d, d)))[0][: min(k, d)]
        rows = (np.eye(len(rows)) + 0.6 / len(rows) * rng.uniform(-1, 1, (len(rows),) * 2)) @ rows
        spans.append(rows * np.exp(rng.uniform(-30, 30, (len(rows), 1))))
    for a, V in zip(spans, complements(spans), strict=True):
        p = d - len(a)
        assert V.shape == (p, d)
        np.testing.assert_allclose(V @ V.T, np.eye(p), rtol=0, atol=1e-13)
        unit = a / np.linalg.norm(a, axis=1, keepdims=True)
        np.testing.assert_allclose(V @ unit.T, 0, rtol=0, atol=1e-13)


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_bases_of_close_spaces_are_close(d, seed):
    rng = np.random.default_rng(seed)
    a = np.linalg.qr(rng.standard_normal((d, d)))[0][: d - 1]
    parallel, turned = -2e-20 * a, a + 1e-3 * rng.standard_normal(a.shape)
    first, same, near = complements([a, parallel, turned])
    np.testing.assert_allclose(same, first, rtol=0, atol=1e-13)
    assert np.max(np.abs(near - first)) < 2e-2
