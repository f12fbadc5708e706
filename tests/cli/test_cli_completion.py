"""Completion in the shell: what is offered, how fast, and in real shells where there are any."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vanillaflow import cli
from vanillaflow.choices import ZOO
from vanillaflow.cli.completion import complete_system
from vanillaflow.constructions.registry import CONSTRUCTIONS
from vanillaflow.network.dialects import DIALECTS

HEAVY = ("numpy", "scipy", "numba", "sympy", "onnx", "torch", "matplotlib", "rich")


@pytest.fixture
def there(tmp_path, monkeypatch):
    """A directory with files that are systems and files that are not."""
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    for name in ("pend.toml", "mine.toml", "network.onnx", "$(touch harm).toml", "sub/inner.toml"):
        Path(name).touch()
    return tmp_path


@pytest.fixture
def program(there):
    """A directory for PATH with `vanillaflow` in it, as the shells call it."""
    path = there / "bin" / "vanillaflow"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vanillaflow "$@"\n', encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path.parent


def offered(monkeypatch, capsys, line: str) -> list[str]:
    """What bash would be offered at the end of the line."""
    words = line.split(" ")
    monkeypatch.setenv("_VANILLAFLOW_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
    assert cli.main([]) == 0
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    "line, words",
    [
        ("vanillaflow ", ["compile", "report", "certify", "verify", "inspect", "zoo"]),
        ("vanillaflow c", ["compile", "certify"]),
        ("vanillaflow zoo ", ["list", "show"]),
        ("vanillaflow compile ", [*ZOO, "mine.toml", "pend.toml"]),
        ("vanillaflow compile pen", ["pendulum", "pend.toml"]),
        ("vanillaflow compile sub/", ["sub/inner.toml"]),
        ("vanillaflow compile nothing", []),
        ("vanillaflow report network.onnx lo", ["lotka_volterra", "lorenz"]),
        ("vanillaflow verify lo", ["lotka_volterra", "lorenz"]),
        ("vanillaflow certify network.onnx lo", ["lotka_volterra", "lorenz"]),
        ("vanillaflow certify netw", []),  # The shell's own files.
        ("vanillaflow zoo show f", ["fitzhugh_nagumo", "fput"]),
        ("vanillaflow compile pendulum --method ", list(CONSTRUCTIONS)),
        ("vanillaflow compile pendulum --effort ", ["normal", "fast", "small"]),
        ("vanillaflow compile pendulum --dialect ", list(DIALECTS)),
        ("vanillaflow verify pendulum --dialect p", ["prelu"]),
        ("vanillaflow certify network.onnx pendulum --method s", ["sampled", "statistical"]),
        ("vanillaflow compile pendulum --dtype ", ["float32", "float64"]),
        ("vanillaflow compile pendulum --max", ["--max-kinks", "--max-seconds"]),
    ],
)
def test_what_is_offered(there, monkeypatch, capsys, line, words):
    assert offered(monkeypatch, capsys, line) == words


def test_names_that_a_shell_could_execute_are_not_offered(there):
    assert complete_system("$") == [] and complete_system("\0") == []
    assert not any("harm" in name for name in complete_system(""))


def test_nothing_heavy_is_imported():
    code = f"import sys, vanillaflow.cli; print(*(name for name in {HEAVY} if name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split() == []


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash(program):
    script = """
    source <(vanillaflow --show-completion)
    COMP_WORDS=(vanillaflow compile pen); COMP_CWORD=2
    _vanillaflow_completion vanillaflow
    echo "${COMPREPLY[@]}"
    """
    assert shell("bash", program, script) == "pendulum pend.toml\n"


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish(program):
    script = """
    vanillaflow --show-completion | source
    complete -C 'vanillaflow compile pen'
    complete -C 'vanillaflow certify netw'
    """
    assert sorted(shell("fish", program, script).split()) == ["network.onnx", "pend.toml", "pendulum"]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh(program):
    """The words that the completion system is given, without a terminal."""
    script = """
    compdef() { :; }
    source <(vanillaflow --show-completion)
    _arguments() { print -r -- "$*"; }
    words=(vanillaflow compile pen); CURRENT=3
    _vanillaflow_completion
    """
    assert shell("zsh", program, script).split() == ["*:", ':(("pendulum"', '"pend.toml"))']


def shell(name: str, program: Path, script: str) -> str:
    environment = os.environ | {"PATH": f"{program}:{os.environ['PATH']}", "HOME": str(program)}
    options = ["--norc"] if name == "bash" else ["-f"] if name == "zsh" else []
    done = subprocess.run(
        [name, *options, "-c", script], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_installing(program):
    shell("bash", program, "vanillaflow --install-completion; true")
    installed = program / ".bash_completions" / "vanillaflow.sh"
    assert "complete" in installed.read_text() and str(installed) in (program / ".bashrc").read_text()


@pytest.mark.parametrize("option", ["--install-completion", "--show-completion"])
def test_an_unknown_shell_is_one_line(there, monkeypatch, capsys, option):
    shellingham = pytest.importorskip("shellingham")

    def lost(*_):
        raise shellingham.ShellDetectionFailure

    monkeypatch.setattr(shellingham, "detect_shell", lost)
    assert cli.main([option]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "run it from bash, zsh, fish" in err
