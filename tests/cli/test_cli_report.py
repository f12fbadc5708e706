"""`vanillaflow report`: of a system, of files, and what it refuses."""

import html
import re
import shlex
from pathlib import Path

import pytest

import vanillaflow as vf
from vanillaflow import cli
from vanillaflow.cli import reporting

TOML = """
name = "mild"
[equations]
x = "y"
y = "-sin(x)"
[domain]
x = [-1, 1]
y = [-0.5, 1]
[flow]
duration = 0.5
"""
SPLIT = ("--method", "split", "--tol", "0.1")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A directory with a system, its flow and its network, to be worked in."""
    monkeypatch.chdir(tmp_path)
    Path("mild.toml").write_text(TOML)
    flow = vf.compile(vf.load_system("mild.toml").target(), 0.1, method="split")
    flow.save("mild.safetensors")
    flow.to_network().to_onnx("mild.onnx")
    return tmp_path


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["report", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def quoted_command(text: str) -> list[str]:
    """The command that the report says makes it again."""
    found = re.search(r"<code>vanillaflow (report .*?)</code>", text)
    assert found is not None
    return shlex.split(found[1])


def test_system_is_compiled_and_the_quoted_command_makes_the_same_file(here, capsys):
    code, out, _ = run(capsys, "mild.toml", *SPLIT, "-o", "a.html")
    assert code == 0 and "a.html" in out
    first = Path("a.html").read_text()
    assert "x&#x27; = y" in first and "vf.load_system(&#x27;mild.toml&#x27;)" in first
    command = quoted_command(first)
    assert command[-2:] == ["-o", "a.html"]
    assert cli.main(command) == 0
    assert Path("a.html").read_text() == first


def test_network_files(here, capsys):
    for name in ("mild.safetensors", "mild.onnx"):
        code, _, err = run(capsys, name, "mild.toml", "-o", "b.html")
        assert code == 0, err
        text = Path("b.html").read_text()
        assert quoted_command(text)[1:3] == [name, "mild.toml"]
        assert f"(&#x27;{name}&#x27;)" in text
    assert "float32" in Path("b.html").read_text()


def test_quoted_python_makes_the_same_file(here, capsys):
    """All but the command, which Python does not know."""
    assert cli.main(["report", "mild.toml", *SPLIT, "--seed", "3", "--dialect", "prelu", "-o", "a.html"]) == 0
    text = Path("a.html").read_text()
    code = html.unescape(re.search(r"<pre><code>(import .*?)</code>", text, flags=re.DOTALL)[1])
    exec(compile(code, "report", "exec"), {})  # noqa: S102 - our own page
    again = Path("report.html").read_text()
    assert page_of(again) == page_of(text)


def page_of(text: str) -> list[str]:
    """The page's lines but for those on how to make it again."""
    return [line for line in text.splitlines() if "<code>" not in line and "vf." not in line]


def test_certificate_of_a_file_is_shown(here, capsys):
    arguments = ["mild.onnx", "mild.toml", "--method", "statistical", "--points", "2000", "--seed", "1"]
    assert cli.main(["certify", *arguments, "-o", "c.json"]) == 0
    code, _, err = run(capsys, "mild.onnx", "mild.toml", "--certificate", "c.json", "-o", "b.html")
    assert code == 0, err
    assert vf.Certificate.load("c.json").statement in Path("b.html").read_text()
    vf.PlanarFlow.identity(2, vf.load_system("mild.toml").domain).save("other.safetensors")
    code, _, err = run(capsys, "other.safetensors", "mild.toml", "--certificate", "c.json", "-o", "d.html")
    assert code == 1 and "another network" in err and not Path("d.html").exists()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["mild.toml", "-o", "r.txt"], "must end in .html"),
        (["mild.toml", "-o", "none/r.html"], "no directory"),
        (["mild.onnx"], "needs its system behind it: vanillaflow report mild.onnx SYSTEM"),
        (["mild.onnx", "mild.toml", "--tol", "0.1"], "--tol is for a SYSTEM alone"),
        (["mild.onnx", "mild.toml", "--max-kinks", "9"], "--max-kinks is for a SYSTEM alone"),
        (["mild.onnx", "mild.toml", "--dialect", "prelu"], "leave out --dialect"),
        (["mild.safetensors", "mild.toml", "--dialect", "tanh"], "dialect"),
        (["mild.safetensors", "lorenz"], "dimension 2, the system 3"),
        (["mild.safetensors", "pendulum"], "is not inside it"),
        (["mild.toml", "--certificate", "c.json"], "is for a network file"),
        (["mild.toml", "--method", "guess"], "unknown method"),
        (["pendulun"], "did you mean 'pendulum'"),
        ([], "Missing argument"),
    ],
)
def test_wrong_requests_are_one_line(arguments, message, here, capsys):
    code, out, err = run(capsys, *arguments)
    assert code == 2 and out == "" and message in err and err.count("\n") == 1
    assert not list(here.glob("*.html"))


def test_tolerance_that_is_not_reached(here, capsys):
    code, _, err = run(capsys, "mild.toml", "--method", "split", "--tol", "1e-6", "--max-kinks", "3")
    assert code == 1 and "--max-kinks" in err
    assert not list(here.glob("*.html"))


def test_interruption_says_what_there_was(here, capsys, monkeypatch):
    flow = vf.load("mild.safetensors")

    def interrupted(*arguments):
        raise vf.CompilationInterrupted(flow, 0.25)

    monkeypatch.setattr(reporting, "compile_and_measure", interrupted)
    code, _, err = run(capsys, "mild.toml")
    assert code == 130 and f"{flow.kinks} kinks, error 0.25; no report is written" in err
    assert not list(here.glob("*.html"))
