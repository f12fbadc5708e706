"""The examples run, with settings that are quick, and what they measure is within what they ask for."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from shared_flows import shared_compile

import vanillaflow as vf

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str):
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def construction_only(monkeypatch):
    """Without the fit, which makes networks small and takes most of the time."""
    own = vf.compile
    monkeypatch.setattr(vf, "compile", lambda target, tol: own(target, tol, method="split"))


def test_deployed_neural_ode_is_within_its_tolerance(tmp_path, construction_only):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("torch")
    assert example("deploy_neural_ode").main(tmp_path, tol=1e-1, steps=200) < 1.02e-1
    assert (tmp_path / "spiral.c").exists()


@pytest.mark.xdist_group("pendulum")
def test_verdicts_are_those_that_a_coarse_network_allows(monkeypatch):
    monkeypatch.setattr(vf, "compile", shared_compile)
    assert example("verify_property").main(tolerances=(5e-2,)) == [["holds", "violated", "unknown"]]


def test_errors_of_a_family_are_within_the_tolerance(tmp_path, construction_only):
    errors = example("family_of_parameters").main(tmp_path, tol=1e-1)
    assert max(errors.values()) < 1.02e-1 and len(errors) == 4
    assert (tmp_path / "family.onnx").exists()


def test_error_of_a_sampled_simulator_is_as_expected(tmp_path):
    expected, error = example("from_samples").main(tmp_path, tol=1e-1, samples=400)
    assert 0 < error < expected


def test_short_examples_stay_short():
    for name in ("deploy_neural_ode", "verify_property", "family_of_parameters", "from_samples"):
        assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 60
