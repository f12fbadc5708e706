"""Help pages: they fit 80 columns, and their examples work. And what is said instead of a wrong word."""

import os
import re
import subprocess
import sys
from inspect import signature
from pathlib import Path

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import cli
from vanillaflow.choices import CERTIFICATION_METHODS, ZOO, did_you_mean
from vanillaflow.constructions.registry import CONSTRUCTIONS
from vanillaflow.network.dialects import DIALECTS

PAGES = ("", "compile", "report", "certify", "verify", "inspect", "zoo", "zoo list", "zoo show")
SAFE = """
(declare-const X_0 Real) (declare-const X_1 Real)
(declare-const Y_0 Real) (declare-const Y_1 Real)
(assert (>= X_0 0.0)) (assert (<= X_0 0.5))
(assert (>= X_1 0.0)) (assert (<= X_1 0.5))
(assert (or (<= Y_0 -0.9) (>= Y_1 1.2)))
"""

# Runs command lines in one process, whose annotations are not checked: that makes proofs four times as long.
RUN = """
import contextlib, io, shlex, sys
from pathlib import Path
from vanillaflow import cli

for line in sys.argv[1:]:
    command, _, file = line.partition(" > ")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        if code := cli.main(shlex.split(command)[1:]):
            sys.exit(f"{line}: exit code {code}")
    assert out.getvalue(), line
    if file:
        Path(file).write_text(out.getvalue(), encoding="utf-8")
"""


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Run a command line in an empty directory; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(arguments)
        return code, *capsys.readouterr()

    return run


def examples(page: str) -> list[str]:
    """The command lines that a help page shows, each on a line of its own."""
    return re.findall(r"^ {4}(vanillaflow .*)$", page, flags=re.MULTILINE)


@pytest.mark.parametrize("command", PAGES)
def test_every_page_has_examples_and_fits_the_terminal(say, command):
    code, page, _ = say(*command.split(), "--help")
    assert code == 0 and page.startswith(f"Usage: vanillaflow {command}".rstrip())
    assert all(len(line) <= 80 for line in page.splitlines())
    shown = examples(page)
    assert shown and all(line.startswith(f"vanillaflow {command}".rstrip()) for line in shown)
    # Nothing is cut off.
    assert "..." not in re.sub(r"\[ARGS\]\.\.\.|X_1, +\.\.\.|Y_1, \.\.\.", "", page)


def test_examples_work(say):
    """All of them, in an order in which each finds its files."""
    Path("safe.vnnlib").write_text(SAFE, encoding="utf-8")
    lines = [line for command in PAGES for line in examples(say(*command.split(), "--help")[1])]
    lines = sorted(dict.fromkeys(lines), key=lambda line: ("zoo" not in line, "compile" not in line))
    made = {"mine.toml", "pendulum.onnx", "pendulum.c", "mine.safetensors", "error.json", "mine.vnnlib"}
    # The one file that no example writes, as that of the exported network has the same examples.
    vf.PlanarFlow([[0.5, 0.1]], [[1.0, 0.0]], [0.0], domain=vf.Box([-1, -1], [1, 1])).save(
        "pendulum.safetensors"
    )
    done = subprocess.run([sys.executable, "-c", RUN, *lines], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert made <= set(os.listdir())


def test_the_pages_name_what_there_is_to_choose(say):
    said = " ".join(say("compile", "-h")[1].split())
    assert all(f"{name}: {entry.summary}" in said for name, entry in CONSTRUCTIONS.items())
    for name in DIALECTS:
        assert name in say("compile", "-h")[1]
    for name in CERTIFICATION_METHODS:
        assert name in say("certify", "-h")[1]


def test_choices_are_those_of_the_package():
    default = {f: signature(f).parameters["method"].default for f in (vf.compile, vf.certify)}
    assert default[vf.compile] == next(iter(CONSTRUCTIONS))
    assert default[vf.certify] == CERTIFICATION_METHODS[0]
    assert list(ZOO) == vf.zoo.names()
    dims = [vf.zoo.load(name).domain.dim for name in ZOO]
    assert dims == sorted(dims)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (
            "compil pendulum --tol 1",
            "No such command 'compil'. Did you mean 'compile'? (see vanillaflow --help)",
        ),
        (
            "compile pendulum --tolerance 1",
            "No such option: --tolerance; did you mean --tol? (see vanillaflow co",
        ),
        ("compile Pendulum --tol 1", "there is no system 'Pendulum'; did you mean 'pendulum'?"),
        ("compile van-der-pol --tol 1", "did you mean 'van_der_pol'?"),
        ("compile own_model --tol 1", "there is no system 'own_model'; did you mean 'own_model.toml'?"),
        ("compile own-model.toml --tol 1", "there is no such file; did you mean 'own_model.toml'?"),
        ("compile xyz --tol 1", "there is no system 'xyz'; `vanillaflow zoo list` shows"),
        ("compile pendulum --tol 1 --method spilt", "did you mean 'split'?"),
        ("compile pendulum --tol 1 --dialect ReLU", "known are leaky_relu, prelu, relu"),
        ("compile pendulum --tol 1 --dialect ReLU", "did you mean 'relu'?"),
        ("compile pendulum --tol 1 --dialect leaky-relu", "did you mean 'leaky_relu'?"),
        ("certify network.safetensors pendulum --method samples", "did you mean 'sampled'?"),
        ("certify network.safetensors pendulm", "did you mean 'pendulum'?"),
        (
            "inspect netwrok.safetensors",
            "there is no file 'netwrok.safetensors'; did you mean 'network.safetensors'",
        ),
        ("verify pendulum -p x.vnnlib --dialect rleu", "did you mean 'relu'?"),
        ("verify pendulum -p x.vnnlib --max-seconds -1", "'--max-seconds': it must be positive"),
        ("compile pendulum --tol 1 --max-seconds 0", "'--max-seconds': it must be positive"),
        ("zoo show lorentz", "did you mean 'lorenz'?"),
        ("zoo lists", "Did you mean 'list'"),
        ("pendulum", "'pendulum' is a system; try vanillaflow compile pendulum --tol 1e-2"),
        ("own_model.toml", "'own_model.toml' is a system; try vanillaflow compile own_model.toml"),
        ("network.safetensors", "is a file; try vanillaflow inspect network.safetensors"),
    ],
)
def test_what_was_meant(say, arguments, said):
    Path("own_model.toml").write_text("", encoding="utf-8")
    vf.FeedforwardNetwork([np.eye(2)], [np.zeros(2)], [], vf.Box([-2, -2], [2, 2])).save(
        "network.safetensors"
    )
    code, out, err = say(*arguments.split())
    assert code == 2 and out == "" and err.count("\n") == 1
    assert err.startswith("vanillaflow: ") and said in err


def test_nothing_near_is_suggested_for_nothing_alike():
    assert did_you_mean("zzz", ZOO) == "" == did_you_mean("", ZOO) == did_you_mean("x", ())
    assert did_you_mean("KURAMOTO", ZOO) == "; did you mean 'kuramoto'?"


def test_python_suggests_too():
    flow = vf.PlanarFlow([[0.5, 0.1]], [[1.0, 0.0]], [0.0], domain=vf.Box([-1, -1], [1, 1]))
    target = vf.zoo.pendulum().target()
    for call in (
        lambda: vf.zoo.load("pendulm"),
        lambda: flow.to_network("leakyrelu"),
        lambda: vf.compile(target, 0.1, method="refined"),
        lambda: vf.certify(flow, target, "rigourous"),
        lambda: vf.FeedforwardNetwork([np.eye(2)], [np.zeros(2)], [], dialect="ReLu"),
    ):
        with pytest.raises(ValueError, match="; did you mean '"):
            call()
