"""The README runs: its Python, its commands, and what it says they print."""

import re
import shlex
from pathlib import Path

import pytest

import vanillaflow as vf
from vanillaflow.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


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


def test_systems_are_read_and_commands_run_on_the_first(empty_directory, capsys):
    toml, family = blocks("toml")
    (empty_directory / "family.toml").write_text(family)
    system = vf.load_system("family.toml")
    assert (system.domain.dim, system.field.held) == (4, 2)
    (empty_directory / "family.toml").unlink()
    (empty_directory / "mine.toml").write_text(toml)
    (empty_directory / "safe.vnnlib").write_text(*blocks("lisp"))
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert lines
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "vanillaflow"
        assert main(arguments) == 0, capsys.readouterr().err
    written = {path.name for path in empty_directory.iterdir()}
    made = {"mine.onnx", "mine.safetensors", "mine.c", "certificate.json"}
    assert written == {"mine.toml", "safe.vnnlib"} | made


def test_files_that_it_points_to_exist():
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link
    for row in re.findall(r"^\| (`.*?) \|", README, flags=re.MULTILINE):
        for i, name in enumerate(re.findall(r"`([^`]+)`", row)):
            folder = ROOT if i == 0 or (ROOT / name).exists() else ROOT / "src" / "vanillaflow"
            assert (folder / name).exists(), name


def test_table_repeats_what_the_benchmark_wrote():
    def cells(text: str) -> dict[str, list[str]]:
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
        return {row[0]: row for row in rows if row[0] in vf.zoo.names() or row[0] == "system"}

    ours, measured = cells(README), cells((ROOT / "benchmarks/results/zoo.md").read_text(encoding="utf-8"))
    assert ours.keys() == measured.keys() and len(ours) > 1
    columns = [measured["system"].index(title) for title in ours["system"]]
    for name, row in ours.items():
        assert row == [measured[name][i] for i in columns]
