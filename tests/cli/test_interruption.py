"""Ctrl-C on the command line: the files hold the best flow so far, one line says so, the exit code is 130."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vanillaflow as vf
from construction_cases import register, scripted
from vanillaflow import CompilationInterrupted, cli
from vanillaflow.cli import compiling, interruption
from vanillaflow.export.onnx import network_from_onnx

# A drift, and a flow that overlooks it: its error is 0.023, with or without kinks.
TOML = """
name = "drift"
[equations]
x = "0.023"
y = "0*x"
[domain]
x = [-1, 1]
y = [-1, 1]
[flow]
duration = 1.0
"""
BOX = vf.Box([-1, -1], [1, 1])
ROUGH = vf.PlanarFlow([[0.0, 0.1], [0.0, -0.1]], [[1.0, 0.0]] * 2, [0.2, 0.2], domain=BOX)
SAVED = "interrupted: saved the best so far, 2 kinks, error 0.023 (tolerance 0.01 NOT reached), to"


@pytest.fixture
def interrupted(tmp_path, monkeypatch, capsys):
    """Run `compile`, where Ctrl-C meets the construction when it has the ROUGH flow; gives the line."""
    monkeypatch.chdir(tmp_path)
    Path("drift.toml").write_text(TOML)

    register(monkeypatch, scripted(CompilationInterrupted(ROUGH, 0.02299)))

    def run(*arguments: str) -> str:
        code = cli.main(["compile", "drift.toml", "--tol", "1e-2", "--method", "scripted", *arguments])
        out, err = capsys.readouterr()
        assert code == 130 and out == ""
        (line,) = [line for line in err.splitlines() if not line.startswith("  ")]
        return line.removeprefix("vanillaflow: ")

    return run


def test_the_best_flow_is_saved(interrupted):
    assert interrupted("-o", "a.onnx", "-o", "b.safetensors") == f"{SAVED} a.onnx, b.safetensors"
    assert sorted(os.listdir()) == ["a.onnx", "b.safetensors", "drift.toml"]
    flow, network = vf.load("b.safetensors"), network_from_onnx("a.onnx")
    assert np.array_equal(flow.a, ROUGH.a)
    for provenance in (flow.provenance, network.provenance):
        assert (provenance.system, provenance.method, provenance.tolerance) == ("drift", "scripted", 1e-2)
        assert provenance.error == pytest.approx(0.023, rel=1e-3)
        assert provenance.path[-1] == ("until interrupted", 2, 0.02299)
    # The file knows the error that was measured in its own precision.
    assert network.provenance.error > 0.02299


def test_without_output_nothing_is_saved(interrupted):
    assert interrupted() == (
        "interrupted: the best so far has 2 kinks, error 0.023 (tolerance 0.01 NOT reached); "
        "without -o nothing is saved"
    )
    assert os.listdir() == ["drift.toml"]


def test_one_slope(interrupted):
    line = interrupted("-o", "a.onnx", "--slope", "0.25")
    assert "NOT reached), to a.onnx" in line
    assert np.all(network_from_onnx("a.onnx").slopes == 0.25)


def test_a_second_ctrl_c_ends_the_measurement_only(interrupted, monkeypatch):
    def again(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(interruption, "measure", again)
    assert interrupted("-o", "a.onnx") == f"{SAVED} a.onnx"
    assert network_from_onnx("a.onnx").provenance.error == 0.02299


def test_a_third_ctrl_c_leaves_no_part_of_a_file(interrupted, monkeypatch):
    def again(*arguments):
        raise KeyboardInterrupt

    Path("a.onnx").write_text("old")
    monkeypatch.setattr(os, "replace", again)
    assert interrupted("-o", "a.onnx") == "interrupted; nothing more was written"
    assert sorted(os.listdir()) == ["a.onnx", "drift.toml"] and Path("a.onnx").read_text() == "old"


def test_ctrl_c_during_the_measurement_of_a_flow_within_the_tolerance(interrupted, monkeypatch):
    def again(*arguments):
        raise KeyboardInterrupt

    exact = vf.PlanarFlow(ROUGH.a, ROUGH.w, ROUGH.t, [2], [np.eye(2)], [[0.023, 0.0]], domain=BOX)
    register(monkeypatch, scripted(exact))
    monkeypatch.setattr(compiling, "measure", again)
    line = interrupted("-o", "a.onnx")
    assert "2 kinks, error " in line and "(within the tolerance 0.01), to a.onnx" in line


# A test run that was started in the background ignores SIGINT and its children inherit that: take it back.
_IN_A_PROCESS = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from vanillaflow import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c_for_real(tmp_path):
    """A refinement that would take minutes, in a process of its own, after it has reported a flow."""
    command = "compile pendulum --tol 1e-4 --method refine -o a.onnx"
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_A_PROCESS, *command.split()],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    line = process.stderr.readline()
    assert "kinks" in line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    last = err.splitlines()[-1]
    assert last.startswith("vanillaflow: interrupted: saved the best so far, ") and "NOT reached" in last
    network = network_from_onnx(tmp_path / "a.onnx")
    found = vf.certify(network, vf.zoo.pendulum().target(), seed=9).bound
    assert 1e-4 < found <= 1.1 * network.provenance.error
