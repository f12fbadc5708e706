"""Blocks: a partition of the pieces, each block commuting, and its joint flow the flow of its sum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

import vanillaflow as vf
from vanillaflow.constructions.split.commuting import commuting_blocks
from vanillaflow.constructions.split.sub_flows import SubFlow
from vanillaflow.fields.ridge import RidgeField


def sparse_field(seed: int, d: int, ridges: int) -> RidgeField:
    """Ridges that look at one or two coordinates and move one or two."""
    rng = np.random.default_rng(seed)
    a, w = (rng.standard_normal((ridges, d)) for _ in range(2))
    for matrix in (a, w):
        for row in matrix:
            row[rng.permutation(d)[2:]] = 0
    return RidgeField(a, w, rng.standard_normal(ridges), list(rng.choice(["tanh", "sin"], ridges)))


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 12))
def test_blocks_are_a_partition_into_pieces_that_commute(seed, d, ridges):
    field = sparse_field(seed, d, ridges)
    blocks = commuting_blocks(field)
    assert sorted(k for block in blocks for k in block) == list(range(ridges))
    moves = np.abs(field.w @ field.a.T) > 1e-12
    np.fill_diagonal(moves, False)
    assert not any(moves[np.ix_(block, block)].any() for block in blocks)


def test_blocks_of_the_zoo():
    """The reaction on a grid and the springs of a chain act at once; oscillators pair by pair (five rounds of
    two pairs are the least for five, as in a tournament; a few more are allowed)."""
    assert len(commuting_blocks(vf.zoo.allen_cahn(40).field)) == 1
    assert len(commuting_blocks(vf.zoo.fput(8).field)) == 1
    assert 5 <= len(commuting_blocks(vf.zoo.kuramoto(5).field)) <= 7
    assert 99 <= len(commuting_blocks(vf.zoo.kuramoto(100).field)) <= 110


@pytest.mark.parametrize("seed", range(3))
def test_the_flow_of_a_block_solves_the_sum_of_its_pieces(seed):
    field = sparse_field(seed, 6, 12)
    block = max(commuting_blocks(field), key=len)
    assert len(block) >= 2
    x = np.random.default_rng(seed).uniform(-1, 1, (10, 6))
    part = RidgeField(
        field.a[list(block)], field.w[list(block)], field.b[list(block)], [field.profiles[k] for k in block]
    )
    solution = solve_ivp(
        lambda t, y: part(t, y.reshape(x.shape)).ravel(),
        (0, 0.7),
        x.ravel(),
        "DOP853",
        rtol=1e-11,
        atol=1e-11,
    )
    np.testing.assert_allclose(
        SubFlow(field, block, 0.7)(x), solution.y[:, -1].reshape(x.shape), rtol=0, atol=1e-8
    )
