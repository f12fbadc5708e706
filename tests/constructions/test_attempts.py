"""The best flow of all attempts is kept, whatever ends them: success, refusal, Ctrl-C."""

import numpy as np
import pytest

import vanillaflow as vf
from construction_cases import register, scripted
from vanillaflow import Box, CompilationInterrupted, FlowMap, PlanarFlow, ToleranceNotReached
from vanillaflow.constructions import attempts
from vanillaflow.constructions.construction import Constructed
from zoo_cases import target

BOX = Box([-1, -1], [1, 1])
# The flow of x' = 0 is the identity, so a translation by e is a flow with the error e.
STILL = FlowMap(lambda t, x: np.zeros_like(x), 1.0, BOX, name="still")
TOL = 1e-2


def translation(error: float) -> PlanarFlow:
    return PlanarFlow(
        [[error, 0.0]], [[0.0, 0.0]], [-1.0], stops=[0], M=[np.eye(2)], m=[[0.0, 0.0]], domain=BOX
    )


@pytest.fixture
def constructions(monkeypatch):
    """Registers a construction that does one step after the other: return a flow of some error, or raise."""

    def plan(*steps: float | BaseException) -> list[float]:
        construction = scripted(*[translation(s) if isinstance(s, float) else s for s in steps])
        register(monkeypatch, construction)
        return construction.aims

    return plan


@pytest.fixture
def poor_affine(monkeypatch):
    """The affine map of least squares, which is exact for this flow, is worse than whatever is refused."""
    monkeypatch.setattr(attempts, "_affine", lambda target, seed: Constructed(translation(0.7), "affine"))


def compiled(**options) -> PlanarFlow:
    return vf.compile(STILL, TOL, method="scripted", **options)


def test_stricter_aims_until_one_is_within(constructions):
    aims = constructions(1.2e-2, 1.1e-2, 0.9e-2)
    flow = compiled()
    assert len(aims) == 3 and TOL > aims[0] > aims[1] > aims[2]
    assert flow.provenance.error == pytest.approx(0.9e-2)
    assert flow.provenance.path == (("step 3", 1, pytest.approx(0.9e-2)),)


def test_a_flow_that_a_refusal_carries_is_taken_if_it_is_within_after_all(constructions):
    constructions(1.2e-2, ToleranceNotReached("too many kinks", translation(0.98e-2), 0.98e-2))
    assert compiled().provenance.error == pytest.approx(0.98e-2)


def test_a_refusal_does_not_lose_an_earlier_better_flow(constructions, poor_affine):
    aims = constructions(1.1e-2, ToleranceNotReached("too many kinks", translation(0.5), 0.5, needed=7.0))
    with pytest.raises(ToleranceNotReached) as refusal:
        compiled()
    assert len(aims) == 2
    assert refusal.value.error == pytest.approx(1.1e-2) and refusal.value.needed == 7
    assert str(refusal.value) == (
        "the best flow found has error 0.011, above the tolerance 0.01: too many kinks"
    )
    provenance = refusal.value.flow.provenance
    assert (provenance.system, provenance.tolerance) == ("still", TOL)
    assert provenance.error == refusal.value.error


def test_a_refused_flow_that_is_worse_than_the_affine_map_gives_way_to_it(constructions):
    constructions(ToleranceNotReached("too many kinks", translation(0.5), 0.5))
    flow = compiled()
    assert flow.kinks == 0 and flow.provenance.error < 1e-9


def test_a_carried_flow_is_not_believed_but_measured(constructions, poor_affine):
    constructions(ToleranceNotReached("too many kinks", translation(1.5e-2), 0.5e-2))
    with pytest.raises(ToleranceNotReached, match=r"error 0\.015, above the tolerance 0\.01"):
        compiled()


def test_without_any_flow_the_refusal_says_why(constructions):
    constructions(ToleranceNotReached("it diverges", needed=9.0))
    with pytest.raises(
        ToleranceNotReached, match=r"the tolerance 0\.01 is out of reach: it diverges"
    ) as none:
        compiled()
    assert none.value.flow is None and none.value.needed == 9


@pytest.mark.parametrize("method", ["split", "paper"])
def test_messages_quote_the_tolerance_of_the_user(method):
    with pytest.raises(ToleranceNotReached, match=r"tolerance 0\.00123") as refusal:
        vf.compile(target("pendulum"), 1.23e-3, method=method, max_kinks=3)
    assert f"{0.97 * 1.23e-3:g}" not in str(refusal.value)


def interrupting(stage: str):
    def report(line: str) -> None:
        if stage in line:
            raise KeyboardInterrupt

    return report


def test_ctrl_c_before_the_certificate_hands_over_the_construction():
    exact = target("pendulum")
    with pytest.raises(KeyboardInterrupt) as caught:
        vf.compile(exact, 1e-1, method="split", report=interrupting("constructed"))
    interruption = caught.value
    assert isinstance(interruption, CompilationInterrupted)
    flow, provenance = interruption.flow, interruption.flow.provenance
    x = exact.domain.sample(512, seed=3)
    assert 0 < np.max(np.abs(flow(x) - exact(x))) <= 1.2 * interruption.error
    assert (provenance.system, provenance.method, provenance.tolerance) == ("pendulum", "split", 1e-1)
    assert provenance.error == interruption.error == provenance.path[-1][2]
    assert str(interruption) == (
        f"interrupted; the best flow so far has {flow.kinks} kinks and error {interruption.error:.3g}"
    )


def test_ctrl_c_hands_over_the_best_attempt(constructions):
    constructions(1.2e-2, 1.1e-2, KeyboardInterrupt())
    with pytest.raises(CompilationInterrupted) as caught:
        compiled()
    assert caught.value.error == pytest.approx(1.1e-2)
    assert caught.value.flow.provenance.path[-1][:2] == ("step 2", 1)


def test_ctrl_c_in_a_construction_that_has_a_flow(constructions):
    constructions(1.2e-2, CompilationInterrupted(translation(1.05e-2), 1.05e-2))
    with pytest.raises(CompilationInterrupted) as caught:
        compiled()
    assert caught.value.error == 1.05e-2
    assert caught.value.flow.provenance.path == (("until interrupted", 1, 1.05e-2),)


def test_ctrl_c_before_there_is_a_flow(constructions):
    constructions(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt) as caught:
        compiled()
    assert not isinstance(caught.value, CompilationInterrupted)
