"""Kinks shared by pieces and dealt out over time: nothing lost, and the error law that makes it worth it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.constructions.split.schemes import SCHEMES
from vanillaflow.constructions.split.shared_curves import SharedCurve, shared_curves
from vanillaflow.constructions.split.sub_flows import SubFlow, sub_flows
from vanillaflow.fields.ridge import RidgeField


def repeated(profile: str, times: int, tau: float = 0.3) -> SharedCurve:
    """One ridge of mu = 0, `times` times for a share of the time `tau`, over the range [-2, 2]."""
    field = RidgeField([[0.0, 1.0]], [[1.0, 0.0]], [0.0], profile)
    flows = [SubFlow(field, (0,), tau / times)] * times
    ranges = [np.array([[-2.0], [2.0]])] * times
    (shared,) = shared_curves(flows, ranges, window=times)
    return shared


@pytest.mark.parametrize("profile", ["tanh", "sin", "power3"])
@pytest.mark.parametrize("times", [2, 3, 8])
def test_the_error_of_the_sum_falls_with_all_kinks(profile, times):
    """Eight sub-flows with two kinks each come as close together as one with sixteen."""
    shared = repeated(profile, times)
    nu = np.linspace(-2, 2, 1001)
    exact = 0.3 * shared.field.profiles[0].value(nu)
    errors = {}
    for kinks in (8, 16, 32):
        dealt = sum(part(nu) for part in shared.deal(kinks))
        np.testing.assert_allclose(dealt, shared.curve.approximate(kinks)(nu), rtol=0, atol=1e-12)
        errors[kinks] = np.max(np.abs(dealt - exact))
    assert errors[32] < errors[8] / 8


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 9), st.integers(0, 40), st.sampled_from(["tanh", "sin"]))
def test_every_kink_goes_to_one_sub_flow(times, kinks, profile):
    shared = repeated(profile, times)
    parts, whole = shared.deal(kinks), shared.curve.approximate(kinks)
    assert len(parts) == times
    counts = [part.breaks.size for part in parts]
    assert sum(counts) == whole.breaks.size and max(counts) - min(counts) <= 1
    jumps = np.concatenate([np.diff(part.slopes) for part in parts])
    order = np.argsort(np.concatenate([part.breaks for part in parts]))
    np.testing.assert_allclose(jumps[order], np.diff(whole.slopes), rtol=0, atol=1e-12)


def test_sub_flows_in_opposite_directions_and_of_other_pieces_share_nothing():
    field = vf.zoo.pendulum().field
    flows = list(sub_flows(field.segments(1.0), SCHEMES["yoshida"], 2))
    ranges = [flow.ranges(np.array([[0.0, 0.0], [1.0, 1.0]])) for flow in flows]
    curves = shared_curves(flows, ranges, window=16)
    assert {tuple(np.sign(shared.taus)) for shared in curves} <= {
        (s,) * k for s in (-1, 1) for k in range(17)
    }
    assert sorted(n for shared in curves for n in shared.flows) == [
        number for number, flow in enumerate(flows) if flow.pieces
    ]


def test_pieces_of_one_displacement_share_where_their_ranges_agree():
    eye = np.eye(3)
    field = RidgeField(eye, eye, np.zeros(3), "tanh")
    ranges = [np.array([[-1.0, -1.1, 5.0], [1.0, 1.0, 7.0]])]
    curves = shared_curves([SubFlow(field, (0, 1, 2), 0.5)], ranges, window=1)
    assert [shared.pieces for shared in curves] == [(0, 1), (2,)]
