"""Anytime: the first flow within the tolerance comes from whoever finds one; effort only makes it smaller."""

from time import perf_counter

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.constructions.anytime import Anytime, Settings
from vanillaflow.constructions.construction import Limits
from vanillaflow.planar.affine import affine_fit
from zoo_cases import target


def affine_error(exact) -> float:
    x = np.concatenate([exact.domain.sample(4000, 3), exact.domain.corners(8)])
    M, m = affine_fit(x, exact(x))
    return float(np.max(np.abs(x @ M.T + m - exact(x))))


@pytest.mark.parametrize("name", ["pendulum", "brusselator"])
def test_more_effort_never_takes_more_kinks(name):
    exact, tol = target(name), 0.2 * affine_error(target(name))
    kinks = []
    for effort in ("fast", "normal", "small"):
        flow = vf.compile(exact, tol, effort=effort)
        assert flow.provenance.error <= tol
        kinks.append(flow.kinks)
    assert kinks[2] <= kinks[1] <= kinks[0]
    assert kinks[2] < 0.8 * kinks[0]


def test_effort_in_seconds_is_when_it_ends_with_a_flow_within_the_tolerance():
    exact = target("van_der_pol")
    first = vf.compile(exact, 1e-2, effort="fast")
    begun = perf_counter()
    flow = vf.compile(exact, 1e-2, effort=2.0)
    # Refinement takes many times as long.
    assert perf_counter() - begun < 20
    assert flow.provenance.error <= 1e-2 and flow.kinks <= first.kinks


def test_an_interruption_after_the_first_success_has_a_flow_within_the_tolerance():
    lines = []

    def report(line: str) -> None:
        lines.append(line)
        if line.startswith("fitted"):
            raise KeyboardInterrupt

    with pytest.raises(vf.CompilationInterrupted) as interruption:
        vf.compile(target("pendulum"), 1e-2, effort="small", report=report)
    assert interruption.value.error <= 1e-2
    assert any(line.startswith("within 0.01 after") for line in lines)
    x = target("pendulum").domain.sample(2000, 5)
    assert np.abs(interruption.value.flow(x) - target("pendulum")(x)).max() <= 1e-2


def test_where_ridge_maps_fail_the_pieces_of_the_field_do_it():
    exact = target("pendulum")
    anytime = Anytime(exact, Limits(), settings=Settings(most_seconds=1e-9))
    made = anytime.within(1e-2)
    assert made.how.startswith("split")
    x = exact.domain.sample(2000, 5)
    assert np.abs(made.flow(x) - exact(x)).max() <= 1e-2


def test_where_nothing_else_is_to_be_had_refinement_does_it():
    flow = target("pendulum")
    x = flow.domain.sample(1500, seed=3)
    exact = vf.FlowMap.from_samples(x, flow(x), flow.domain)
    anytime = Anytime(exact, Limits(), settings=Settings(most_seconds=1e-9))
    made = anytime.within(0.1)
    assert made.how.startswith("refine")
    # It is not refined again.
    assert anytime.smaller(0.1, made.flow) is None


@pytest.mark.parametrize("method", ["anytime", "ridge", "refine"])
def test_what_is_refused_is_no_worse_than_the_affine_map(method):
    exact = target("lorenz")
    with pytest.raises(vf.ToleranceNotReached) as refusal:
        vf.compile(exact, 1e-6, method, max_seconds=1.0)
    x = np.concatenate([exact.domain.sample(2000, 7), exact.domain.corners(8)])
    error = float(np.abs(refusal.value.flow(x) - exact(x)).max())
    assert error <= 1.2 * affine_error(exact)


def test_a_refusal_says_how_many_kinks_it_would_take():
    anytime = Anytime(target("pendulum"), Limits(max_kinks=20, max_seconds=20.0))
    with pytest.raises(vf.ToleranceNotReached, match="it takes about") as refusal:
        anytime.within(1e-3)
    assert refusal.value.needed > 100 and refusal.value.flow.kinks <= 20


def test_an_affine_flow_takes_no_kinks():
    exact = vf.FlowMap(vf.from_equations({"x": "y", "y": "-x"}), 1.0, vf.Box([-1, -1], [1, 1]))
    assert vf.compile(exact, 1e-6).kinks == 0


@pytest.mark.parametrize(
    ("effort", "said"),
    [("smal", "unknown effort 'smal'.*did you mean 'small'"), (0, "positive"), (-1.0, "positive")],
)
def test_bad_efforts_are_refused(effort, said):
    with pytest.raises(ValueError, match=said):
        vf.compile(target("pendulum"), 1e-1, effort=effort)
