"""The README runs: its Python, its commands, and what it says they print."""

import re
import shlex
from pathlib import Path

import pytest

from vanillaflow.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Two screens.
MOST_CHARACTERS = 7000


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_runs_and_prints_what_its_comments_say(empty_directory, capsys):
    code = "\n".join(blocks("python"))
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - our own README
    promised = re.findall(r"^print\(.*\)  # (.*)$", code, flags=re.MULTILINE)
    assert promised
    assert capsys.readouterr().out.splitlines() == promised
    assert (empty_directory / "pendulum.onnx").exists()


def test_commands_run(empty_directory, capsys):
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert lines
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "vanillaflow"
        assert main(arguments) == 0, capsys.readouterr().err
    assert {path.name for path in empty_directory.iterdir()} == {"pendulum.onnx", "pendulum.c"}


def test_files_and_make_targets_that_it_names_exist():
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"`make (\S+)`", README)
    assert targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_it_stays_short_and_no_block_goes_unrun():
    assert len(README) <= MOST_CHARACTERS
    assert len(re.findall(r"^```\w", README, flags=re.MULTILINE)) == len(blocks("python")) + len(blocks("sh"))
