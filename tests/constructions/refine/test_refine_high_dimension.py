"""Refinement in many dimensions: within the tolerance, with no more kinks than the split construction."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import Box, FlowMap, ToleranceNotReached, compiler
from vanillaflow.constructions.refine.construction import _most_kinks
from vanillaflow.constructions.refine.high_dimension import is_high_dimensional
from vanillaflow.constructions.refine.settings import DEFAULTS


@pytest.fixture(scope="module")
def chain():
    return vf.zoo.fput(9).target()


def test_it_saves_kinks_of_the_split_construction(chain):
    assert is_high_dimensional(chain)
    stages = []
    flow = vf.compile(chain, 4e-2, report=stages.append)
    path = flow.provenance.path
    assert path[0][0] == "split" and any(stage == "fitted" for stage, _, _ in path)
    split = vf.compile(chain, 4e-2, method="split")
    assert flow.kinks <= split.kinks
    assert vf.certify(flow, chain, seed=99).bound <= 4e-2 * 1.1
    # The planar maps are still as sparse as oscillators with their neighbours are.
    assert np.count_nonzero(flow.w) <= 2 * flow.kinks


def test_without_time_it_is_the_split_construction(chain, monkeypatch):
    monkeypatch.setattr(compiler, "_GRACE", 60.0)
    flow = vf.compile(chain, 4e-2, max_seconds=1e-3)
    assert [stage for stage, _, _ in flow.provenance.path[:-1]] == ["split"] * len(flow.provenance.path[:-1])
    np.testing.assert_array_equal(flow.t, vf.compile(chain, 4e-2, method="split").t)


def test_too_few_kinks_are_refused_with_the_closest(chain):
    with pytest.raises(ToleranceNotReached, match="above the limit of 150") as refusal:
        vf.compile(chain, 1e-2, max_kinks=150)
    assert refusal.value.flow.kinks <= 150 and refusal.value.error > 1e-2


def test_what_is_no_sum_of_ridges_is_held_within_memory():
    target = FlowMap(lambda t, x: -x, 1.0, Box(-np.ones(12), np.ones(12)))
    assert not is_high_dimensional(target)
    for dim in (1, 12, 60):
        most = _most_kinks(dim, DEFAULTS)
        assert most * (2 * dim + 1) + dim * (dim + 1) <= DEFAULTS.most_parameters
    assert vf.compile(target, 1e-2).kinks == 0
