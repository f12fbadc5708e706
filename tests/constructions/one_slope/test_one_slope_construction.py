"""compile(slope=alpha): every layer has the slope alpha, and the error is within the tolerance as ever."""

from functools import cache

import numpy as np
import pytest

import vanillaflow as vf
from construction_cases import scripted
from vanillaflow import Box, CompilationInterrupted, FlowMap, PlanarFlow, RidgeField, ToleranceNotReached
from vanillaflow.constructions.construction import Limits
from vanillaflow.constructions.one_slope.construction import OneSlope

BOX = Box([-1, -1], [1, 1])
# Its ridge stretches, so the pieces of a split construction are no shears.
STRETCHING = FlowMap(
    RidgeField([[1.0, 0.3]], [[1.0, 0.0]], [0.1], "tanh", A=[[0, 0.5], [-0.5, 0]]), 1.0, BOX, rtol=1e-6
)


@cache
def exact(name: str) -> FlowMap:
    """Solved three orders below the tolerances of these tests, which is a third of the time."""
    system = vf.zoo.load(name)
    return FlowMap(system.field, system.duration, system.domain, name=name, rtol=1e-6)


@cache
def strict(name: str, tol: float, slope: float) -> PlanarFlow:
    return vf.compile(exact(name), tol, method="split", slope=slope)


def check(flow: PlanarFlow, slope: float) -> None:
    np.testing.assert_array_less(
        np.minimum(np.abs(flow.kappa / slope - 1), np.abs(flow.kappa * slope - 1)), 1e-9
    )
    network = flow.to_network("leaky_relu", slope=slope)
    assert network.depth == flow.kinks > 0
    np.testing.assert_array_equal(network.slopes, slope)


@pytest.mark.parametrize("name, tol, slope", [("pendulum", 1e-2, 0.01), ("duffing", 5e-2, 0.9)])
def test_one_slope_within_the_tolerance(name, tol, slope):
    flow = strict(name, tol, slope)
    check(flow, slope)
    network = flow.to_network("leaky_relu", slope=slope)
    assert (
        vf.certify(network, exact(name), seed=77).bound <= tol * 1.02
    )  # Another search than the compiler's.
    made = flow.provenance
    assert made.error <= made.tolerance == tol
    (construction, fewer, _), (stage, kinks, error) = made.path
    assert "step" in construction and stage == f"one slope, {slope:g}"
    assert fewer < kinks == flow.kinks and error == made.error


def test_shears_take_all_of_the_tolerance():
    """The ridges of a pendulum are shears: two kinks of one slope each, as two layers of the free slopes."""
    free = vf.compile(exact("pendulum"), 1e-2, method="split")
    assert strict("pendulum", 1e-2, 0.01).kinks <= 1.1 * free.to_network().depth


def test_stretching_ridges():
    flow = vf.compile(STRETCHING, 5e-2, method="split", slope=0.9)
    check(flow, 0.9)
    assert vf.certify(flow, STRETCHING, seed=77).bound <= 5e-2 * 1.02
    # The errors of construction and staircases do not add up; what is left over is spent.
    assert flow.provenance.error >= 0.6 * 5e-2


def test_refined_flow_of_one_slope():
    short = FlowMap(vf.zoo.pendulum().field, 0.3, BOX, rtol=1e-6)
    flow = vf.compile(short, 1e-2, method="refine", slope=0.7)
    check(flow, 0.7)
    assert vf.certify(flow, short, seed=77).bound <= 1e-2 * 1.02
    assert flow.provenance.method == "refine" and flow.provenance.path[-1][0] == "one slope, 0.7"


@pytest.mark.parametrize("slope", [0, 1, 1.5, -0.5, np.nan, np.inf])
def test_refuses_other_slopes(slope):
    with pytest.raises(ValueError, match="slope must be "):
        vf.compile(exact("pendulum"), 1e-1, method="split", slope=slope)


def test_too_few_kinks_for_one_slope():
    message = r"tolerance 0\.04 is out of reach: .*slope 0\.5 alone it takes \d+ kinks, above the limit of 60"
    with pytest.raises(ToleranceNotReached, match=message) as refusal:
        vf.compile(STRETCHING, 4e-2, method="split", slope=0.5, max_kinks=60)
    assert refusal.value.needed > 60


def constructing(*results) -> OneSlope:
    """One slope after a construction that gives or raises these results one after the other."""
    return OneSlope(scripted(*results)(STRETCHING, Limits(max_kinks=1000)), 0.5)


def test_flows_that_exceptions_carry_are_of_one_slope_too():
    free = vf.compile(STRETCHING, 5e-2, method="split")
    error = free.provenance.error
    with pytest.raises(CompilationInterrupted) as interruption:
        constructing(CompilationInterrupted(free, error)).within(1e-3)
    with pytest.raises(ToleranceNotReached, match="too coarse") as refusal:
        constructing(ToleranceNotReached("too coarse", free, error)).within(1e-3)
    for caught in (interruption.value, refusal.value):
        check(caught.flow, 0.5)
        assert error / 2 < caught.error <= 2.1 * error


def test_a_refused_flow_that_leaves_room_is_used():
    free = vf.compile(STRETCHING, 4e-2, method="split")
    refusal = ToleranceNotReached("no half of it", free, free.provenance.error)
    made = constructing(refusal).within(6e-2)
    check(made.flow, 0.5)
    assert made.how == "one slope, 0.5" and made.before[-1][1] == free.kinks
    assert vf.certify(made.flow, STRETCHING, seed=77).bound <= 6e-2 * 1.02


def test_ctrl_c_before_the_slope_is_sought():
    def report(line: str) -> None:
        if "now for the slope" in line:
            raise KeyboardInterrupt

    with pytest.raises(CompilationInterrupted) as caught:
        vf.compile(STRETCHING, 1e-1, method="split", slope=0.5, report=report)
    check(caught.value.flow, 0.5)
    assert caught.value.error == caught.value.flow.provenance.error <= 2e-1


def test_ctrl_c_while_the_slope_is_sought(monkeypatch):
    free = vf.compile(STRETCHING, 4e-2, method="split")
    from vanillaflow.constructions.one_slope import construction as module

    calls, with_one_slope = [], module.with_one_slope

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return with_one_slope(*arguments)

    monkeypatch.setattr(module, "with_one_slope", interrupted)
    with pytest.raises(CompilationInterrupted) as caught:
        constructing(free).within(6e-2)
    check(caught.value.flow, 0.5)
    assert caught.value.error <= 6e-2
