"""`vanillaflow verify`: verdicts, exit codes, and files for other verifiers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import cli
from vanillaflow.export.onnx import network_from_onnx, read_onnx_metadata

TOML = """
name = "mild"
[equations]
x = "y"
y = "-sin(x)"
[domain]
x = [-1, 1]
y = [-1, 1]
[flow]
duration = 0.5
"""
BOX = vf.Box([0.25, -0.5], [0.5, 0.5])


def text(constraint: str, low: str = "0.25") -> str:
    declared = "".join(f"(declare-const {v}_{i} Real)\n" for v in "XY" for i in (0, 1))
    bounds = f"(assert (>= X_0 {low}))(assert (<= X_0 0.5))(assert (>= X_1 -0.5))(assert (<= X_1 0.5))"
    return f"; made by hand\n{declared}{bounds}\n(assert {constraint})\n"


@pytest.fixture
def verify(tmp_path, monkeypatch, capsys):
    """Run `verify` in a directory with a system and properties; gives exit code, output and the last line of
    what went to standard error."""
    monkeypatch.chdir(tmp_path)
    Path("mild.toml").write_text(TOML)
    Path("holds.vnnlib").write_text(text("(or (>= Y_0 1.2) (and (<= Y_0 -0.5) (<= Y_1 0)))"))
    Path("fails.vnnlib").write_text(text("(>= Y_0 0.5)"))
    # Just above what the flow reaches, and far closer than the network is accurate.
    top = vf.load_system("mild.toml").target()(BOX.corners())[:, 0].max()
    Path("doubt.vnnlib").write_text(text(f"(>= Y_0 {top + 1e-4})"))
    Path("wide.vnnlib").write_text(text("(>= Y_0 0.5)", "-3"))
    Path("three.vnnlib").write_text(text("(>= Y_0 0.5)") + "(declare-const X_2 Real)\n(assert (>= X_2 0))\n")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["verify", *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, " ".join(out.split()), (err.strip().splitlines() or [""])[-1]

    return run


def test_verdicts_and_exit_codes(verify):
    target = vf.load_system("mild.toml").target()
    vf.compile(target, 3e-2).save("flow.safetensors")
    for name, code, status in (("holds", 0, "holds"), ("fails", 1, "violated"), ("doubt", 3, "unknown")):
        got, out, _ = verify("mild.toml", "-p", f"{name}.vnnlib", "--network", "flow.safetensors")
        assert got == code and out.startswith(f"{name}: {status} for mild") and "margin" in out
        if status == "violated":
            start, image = re.search(r"goes from \(([^)]*)\) to \(([^)]*)\)", out).groups()
            x, y = (np.array([float(v) for v in each.split(",")]) for each in (start, image))
            assert BOX.contains(x[None])[0] and y[0] >= 0.5
            np.testing.assert_allclose(target(x[None])[0], y, atol=1e-3)


def test_files_for_other_verifiers(verify):
    code, out, _ = verify(
        "mild.toml", "-p", "holds.vnnlib", "--tol", "3e-2", "--dialect", "relu", "--dtype", "float32",
        "-o", "net.onnx", "-o", "net.vnnlib", "-o", "net.json",
    )  # fmt: skip
    assert code == 0 and "written net.onnx" in out and "net.vnnlib" in out
    network, certificate = network_from_onnx("net.onnx"), read_onnx_metadata("net.onnx")["certificate"]
    assert network.dialect == "relu" and certificate.method == "rigorous" and certificate.dtype == "float32"
    assert json.loads(Path("net.json").read_text())["bound"] == certificate.bound
    # The property of the network is that of the flow with the margin added.
    asked, written = vf.read_vnnlib("holds.vnnlib"), vf.read_vnnlib("net.vnnlib")
    for before, after in zip(asked.unsafe, written.unsafe, strict=True):
        grown = np.abs(before.A) @ certificate.per_output
        np.testing.assert_allclose(after.b, before.b + grown, rtol=1e-12)
        assert np.all(after.b >= before.b) and np.all(after.A == before.A) and after.box == before.box
    # And the file is verified as well as the flow.
    code, out, _ = verify("mild.toml", "-p", "holds.vnnlib", "--network", "net.onnx")
    assert code == 0 and "holds" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mild.toml", "-p", "missing.vnnlib"], "there is no file 'missing.vnnlib'"),
        (["mild.toml", "-p", "mild.toml"], "mild.toml"),
        (["mild.toml", "-p", "wide.vnnlib"], "coordinate 0: [-3, 0.5] is not within [-1, 1]"),
        (["lorenz", "-p", "holds.vnnlib"], "the property has 2 inputs and 2 outputs, lorenz has 3"),
        (["mild.toml", "-p", "holds.vnnlib", "-o", "net.txt"], "must end in .onnx, .vnnlib or .json"),
        (["mild.toml", "-p", "holds.vnnlib", "-o", "no/net.onnx"], "there is no directory"),
        (["mild.toml", "-p", "holds.vnnlib", "--network", "missing.onnx"], "there is no file 'missing.onnx'"),
        (["mild.toml", "-p", "holds.vnnlib", "--tol", "0"], "'--tol': it must be positive"),
        (["mild.toml"], "--property"),
    ],
)
def test_wrong_requests(verify, arguments, said):
    code, out, err = verify(*arguments)
    assert code == 2 and said in err and out == ""
    assert not any(Path(name).exists() for name in ("net.onnx", "net.txt"))
