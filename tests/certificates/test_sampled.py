"""The sampled certificate: a search that finds narrow errors, and says what it found."""

import numpy as np
import pytest

from flow_cases import random_flow
from vanillaflow import Box, FlowMap, PlanarFlow, RidgeField, certify
from vanillaflow.box import search_points
from vanillaflow.certificates.sampled import certify_sampled
from zoo_cases import SMALL, compiled, lowered, target


def still(dim: int) -> FlowMap:
    """The flow of x' = 0, so that a planted error is all the error there is."""
    nothing = np.zeros((0, dim))
    return FlowMap(RidgeField(nothing, nothing, [], []), 1.0, Box(-np.ones(dim), 2 * np.ones(dim)))


def bump(center: np.ndarray, width: float, height: float, output: int):
    """The identity but for a Gaussian bump in one output."""

    def flow(x: np.ndarray) -> np.ndarray:
        y = x.copy()
        y[:, output] += height * np.exp(-np.sum((x - center) ** 2, axis=1) / (2 * width**2))
        return y

    return flow


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("center", "width"),
    [
        ([-1.0, -1.0], 0.02),  # a corner
        ([2.0, 0.123], 0.02),  # a face
        ([0.771, 0.123], 0.05),  # the interior
        ([-1.0, 2.0, -1.0], 0.05),
        ([0.3, 2.0, 1.1], 0.15),
        ([-1.0, 2.0, 1.5, -0.4], 0.4),
        ([2.0] * 6, 0.1),
    ],
)
def test_finds_a_narrow_bump(center, width, seed):
    """Widths of a sixtieth of the box and more: its height is found to 2 %, and so is its place."""
    center = np.array(center)
    output = seed % center.size
    found = certify_sampled(bump(center, width, 1e-3, output), still(center.size), seed=seed)
    assert 0.98e-3 <= found.bound <= 1e-3 + 1e-15
    assert np.max(np.abs(found.worst_point - center)) <= width
    assert np.argmax(found.per_output) == output
    assert np.max(np.delete(found.per_output, output), initial=0) <= 1e-12


def test_finds_the_worse_of_two():
    near = bump(np.array([0.5, 0.5]), 0.5, 1e-3, 0)
    far = bump(np.array([2.0, -1.0]), 0.03, 2e-3, 1)
    found = certify_sampled(lambda x: far(near(x)), still(2))
    assert found.bound == pytest.approx(2e-3, rel=1e-2)
    assert found.per_output == pytest.approx([1e-3, 2e-3], rel=1e-2)


def test_no_error_and_no_number():
    assert certify(PlanarFlow.identity(2), still(2)).bound == 0
    # A flow that is not a number somewhere is infinitely wrong there; it was once not seen at all.
    found = certify_sampled(lambda x: np.where(x > 1.9, np.nan, x), still(2))
    assert found.bound == np.inf and np.max(found.worst_point) > 1.9
    found = certify_sampled(lambda x: np.where(x > 1.9, np.inf, x), still(2))
    assert found.bound == np.inf


@pytest.mark.parametrize("name", SMALL)
def test_what_it_says_is_so(name):
    exact, flow = target(name), compiled(name)
    options = {"points": 512, "starts": 8, "rounds": 6}
    found = certify(flow, exact, seed=5, **options)
    at_worst = np.abs(flow(found.worst_point[None]) - exact(found.worst_point[None]))[0]
    # Alone or in a batch, the solver's answer is the same to its tolerance, of about 1e-10.
    assert found.bound == pytest.approx(at_worst.max(), abs=1e-7)
    assert found.bound == found.per_output.max()
    assert exact.domain.contains(found.worst_point[None]).all()
    assert (found.method, found.confidence) == ("sampled", 0.0)
    assert found.points > 512 + 256
    assert f"error {found.bound:.3e} (sampled, {found.points} points)" in str(found)
    # Deterministic; and for the network as for the flow as a mere function, whose kinks are not looked at.
    again = certify(flow, exact, seed=5, **options)
    assert again.bound == found.bound and np.array_equal(again.worst_point, found.worst_point)
    network = certify(lowered(name), exact, seed=5, **options)
    assert network.bound == pytest.approx(
        certify_sampled(flow.__call__, exact, seed=5, each_output=True, **options).bound, abs=1e-7
    )


def test_more_search_finds_no_less():
    exact, flow = target("pendulum"), compiled("pendulum")
    quick = certify(flow, exact, points=256, rounds=0)
    assert certify(flow, exact, points=256, rounds=10).bound >= quick.bound


def test_search_points_hold_the_faces_and_the_corners():
    box = Box([0, 0, 0], [1, 2, 3])
    x = search_points(box, 600, seed=0)
    assert box.contains(x).all() and len(x) == 600 + 300 + 8
    for i in range(3):
        for side in (box.low[i], box.high[i]):
            assert np.sum(x[:, i] == side) >= 50
    corners = x[np.all((x == box.low) | (x == box.high), axis=1)]
    assert len(np.unique(corners, axis=0)) == 8


def test_refusals():
    flow = PlanarFlow.identity(3, Box([0, 0, 0], [1, 1, 1]))
    with pytest.raises(ValueError, match="the flow has dimension 3 but the target has dimension 2"):
        certify(flow, still(2))
    with pytest.raises(ValueError, match="the flow has dimension 3 but the target has dimension 2"):
        certify(flow.to_network(), still(2))
    with pytest.raises(ValueError, match=r"unknown certification method 'hope'; known are .*sampled"):
        certify(flow, still(3), method="hope")


def test_target_may_be_a_planar_flow_with_a_domain():
    flow = random_flow(3, 2, ["plain"] * 3)
    moved = flow.then(PlanarFlow(np.zeros((0, 2)), np.zeros((0, 2)), [], [0], [np.eye(2)], [[0.25, 0.0]]))
    certificate = certify_sampled(moved, flow, points=64)
    assert certificate.bound == pytest.approx(0.25)
    with pytest.raises(ValueError, match="needs the domain to search; this target has none"):
        certify_sampled(flow, flow[1:])
