"""Importing is cheap: heavy packages are loaded by those who need them."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "jax", "onnx", "sympy", "numba", "scipy", "matplotlib", "typer")


def loaded_by(statement: str) -> set[str]:
    """Which of HEAVY are loaded in a fresh interpreter after `statement`."""
    code = f"{statement}\nimport sys\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_package():
    assert loaded_by("import vanillaflow") == set()


def test_command_line():
    assert loaded_by("import vanillaflow.cli") == {"typer"}


@pytest.mark.parametrize("name", ["FlowMap", "PlanarFlow", "compile", "certify", "FeedforwardNetwork"])
def test_core_does_without_the_formats(name):
    assert loaded_by(f"from vanillaflow import {name}").isdisjoint({"torch", "onnx", "sympy", "matplotlib"})


def test_a_wrong_name_gets_the_right_one_suggested():
    code = "import vanillaflow as vf; vf.compil"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "has no attribute 'compil'. Did you mean: 'compile'?" in done.stderr


def test_plots_are_imported_without_what_draws_them():
    assert loaded_by("from vanillaflow import plot").isdisjoint({"torch", "onnx", "sympy", "matplotlib"})


def test_every_public_name_is_found():
    import vanillaflow

    for name in vanillaflow.__all__:
        assert getattr(vanillaflow, name) is not None
    assert set(vanillaflow.__all__) <= set(dir(vanillaflow))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vanillaflow.nothing
