"""`vanillaflow certify`: what it measures of a file, and which certificates it refuses."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import cli
from vanillaflow.export.onnx import network_from_onnx, read_onnx_metadata
from vanillaflow.files.checksum import checksum

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
# Some planar flow; how far it is from the system's does not matter here.
FLOW = vf.PlanarFlow(
    [[0.1, 0.2], [0.3, -0.4]], [[1.0, 0.5], [-0.5, 1.0]], [0.1, -0.2], [0], [[[0.9, 0.45], [-0.4, 0.9]]],
    [[0.01, 0.02]], domain=vf.Box([-1, -0.5], [1, 1]),
)  # fmt: skip
STATISTICAL = ("--method", "statistical", "--points", "2000")


@pytest.fixture
def certify(tmp_path, monkeypatch, capsys):
    """Run `certify` in a directory with systems and networks; gives exit code, output and the error line."""
    monkeypatch.chdir(tmp_path)
    Path("mild.toml").write_text(TOML)
    Path("other.toml").write_text(TOML.replace("-sin(x)", "-sin(x) - 1e-6*y"))
    Path("longer.toml").write_text(TOML.replace("0.5\n", "0.6\n"))
    Path("wider.toml").write_text(TOML.replace("[-1, 1]", "[-1, 2]"))
    Path("inside.toml").write_text(TOML.replace("[-1, 1]", "[-1, 0.5]"))
    network = FLOW.to_network()
    FLOW.save("flow.safetensors")
    network.save("net.safetensors")
    network.to_onnx("net.onnx")
    network.to_onnx("net64.onnx", "float64")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["certify", *arguments])
        out, err = capsys.readouterr()
        assert len(err.splitlines()) == (code != 0) and err.startswith("vanillaflow: " if code else "")
        return code, " ".join(out.split()), err.strip()

    return run


def test_the_largest_error_found(certify):
    code, out, _ = certify("net.onnx", "mild.toml", "--seed", "3", "-o", "c.json")
    certificate = vf.Certificate.load("c.json")
    assert code == 0 and out.startswith("net.onnx against mild")
    assert certificate.statement in out and certificate.basis in out and "float32" in out
    assert f"{certificate.largest:.4g} at (" in out and "written c.json" in out
    network, target = network_from_onnx("net.onnx"), vf.load_system("mild.toml").target()
    again = vf.certify(network, target, seed=3, dtype="float32")
    assert (certificate.method, certificate.bound, certificate.seed) == ("sampled", again.bound, 3)


@pytest.mark.parametrize("name", ["net.onnx", "net64.onnx", "net.safetensors", "flow.safetensors"])
def test_a_statistical_bound_of_every_kind_of_file(certify, name):
    code, out, _ = certify(name, "mild.toml", *STATISTICAL, "-o", "c.json")
    certificate = vf.Certificate.load("c.json")
    assert code == 0 and "With confidence 0.999, at most a fraction 0.0035 of the box" in out
    assert certificate.dtype == ("float32" if name == "net.onnx" else "float64")
    assert f"seed {certificate.seed}" in out
    code, out, _ = certify(name, "mild.toml", "--check", "c.json")
    assert code == 0 and out.startswith("c.json holds") and "found again At its own points" in out


def test_without_a_seed_the_points_are_new(certify):
    for name in ("a.json", "b.json"):
        certify("net.onnx", "mild.toml", *STATISTICAL, "-o", name)
    a, b = vf.Certificate.load("a.json"), vf.Certificate.load("b.json")
    assert a.seed != b.seed and a.network_hash == b.network_hash and a.system_hash == b.system_hash


def test_confidence_and_coverage(certify):
    code, out, _ = certify(
        "net.onnx", "mild.toml", "--method", "statistical", "--confidence", "0.95", "--coverage", "0.9"
    )
    assert code == 0 and "With confidence 0.95, at most a fraction 0.1 of the box" in out
    assert re.search(r"points +10000\b", out) and re.search(r"seed +\d+\b", out)


@pytest.mark.parametrize("method", ["sampled", "statistical"])
def test_tolerances(certify, method):
    bound = vf.certify(FLOW, vf.load_system("mild.toml").target()).bound
    assert certify("net.onnx", "mild.toml", "--method", method, "--tol", f"{1.01 * bound}")[0] == 0
    code, out, err = certify(
        "net.onnx", "mild.toml", "--method", method, "--tol", f"{0.5 * bound}", "-o", "c"
    )
    assert code == 1 and "is above the tolerance" in err
    # What was measured is told and written all the same: it is true.
    assert "against mild" in out and vf.Certificate.load("c").method == method


def test_part_of_the_box(certify):
    assert certify("net.onnx", "inside.toml", "--points", "256")[0] == 0


def test_systems_of_a_python_module(certify):
    Path("mild_system.py").write_text("import vanillaflow as vf\nmild = vf.load_system('mild.toml')\n")
    sys.modules.pop("mild_system", None)
    certify("net.onnx", "mild.toml", *STATISTICAL, "-o", "c.json")
    assert certify("net.onnx", "mild_system:mild", "--check", "c.json")[0] == 0


@pytest.mark.parametrize("options", [("--method", "sampled"), STATISTICAL])
def test_certificates_of_something_else_are_refused(certify, options):
    certify("net.onnx", "mild.toml", *options, "-o", "c.json")
    nudged = FLOW.to_network()
    weights = np.array(nudged.weights)
    weights[0, 0, 0] = np.nextafter(np.float32(weights[0, 0, 0]), np.float32(9))
    vf.FeedforwardNetwork(weights, nudged.biases, nudged.slopes, nudged.domain).to_onnx("nudged.onnx")
    for network, system, said in (
        ("nudged.onnx", "mild.toml", "it belongs to another network"),
        ("net64.onnx", "mild.toml", "it is of a network in float32, and this one is in float64"),
        ("net.onnx", "other.toml", "it belongs to another system, 'mild': the field of this one"),
        ("net.onnx", "longer.toml", "it belongs to another system: the duration"),
        ("net.onnx", "inside.toml", "it belongs to another system: the box"),
    ):
        code, out, err = certify(network, system, "--check", "c.json")
        assert code == 1 and out == "" and f"c.json is refused: {said}" in err


@pytest.mark.parametrize("options", [("--method", "sampled"), STATISTICAL])
def test_a_smaller_bound_is_refused(certify, options):
    certify("net.onnx", "mild.toml", *options, "-o", "c.json")
    values = json.loads(Path("c.json").read_text())
    values |= {name: 0.9 * values[name] for name in ("bound", "largest")}
    Path("c.json").write_text(json.dumps(values))
    code, out, err = certify("net.onnx", "mild.toml", "--check", "c.json")
    assert code == 2 and out == "" and "cannot read 'c.json': its content does not match its checksum" in err
    del values["sha256"]
    Path("c.json").write_text(json.dumps(values | {"sha256": checksum(values, {})}))
    code, out, err = certify("net.onnx", "mild.toml", "--check", "c.json")
    assert code == 1 and out == "" and "c.json is refused: the error at its worst point is" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.onnx", "mild.toml"], "there is no file 'missing.onnx'"),
        (["mild.toml", "mild.toml"], "cannot read 'mild.toml': its name must end in .safetensors or .onnx"),
        (["net.onnx", "missing.toml"], "missing.toml: there is no such file"),
        (["net.onnx", "lorenz"], "the network has dimension 2, the system 3"),
        (["net.onnx", "wider.toml"], "that of the system, [-1, 2] x [-0.5, 1], is not inside it"),
        (["net.onnx", "mild.toml", "--method", "hope"], "known are sampled, statistical, rigorous"),
        (["net.onnx", "mild.toml", "--coverage", "0.9"], "--coverage does not belong to --method sampled"),
        (["net.onnx", "mild.toml", "--checkpoint", "p"], "--checkpoint does not belong to --method sampled"),
        (["net.onnx", "mild.toml", "--tol", "0"], "'--tol': it must be positive"),
        (["net.onnx", "mild.toml", *STATISTICAL, "--confidence", "1"], "it must be within (0, 1)"),
        (["net.onnx", "mild.toml", *STATISTICAL, "--coverage", "0.999"], "at least 6905 are needed"),
        (["net.onnx", "mild.toml", "--points", "0"], "'--points'"),
        (["net.onnx", "mild.toml", "-o", "no/where.json"], "there is no directory"),
        (["net.onnx", "mild.toml", "--check", "missing.json"], "there is no file 'missing.json'"),
        (["net.onnx", "mild.toml", "--check", "net.onnx"], "cannot read 'net.onnx': "),
        (["net.onnx", "mild.toml", "--check", "mild.toml"], "cannot read 'mild.toml': it is not JSON"),
        (["net.onnx", "mild.toml", "--check", "c.json", "--method", "sampled"], "leave out --method"),
        (["net.onnx", "mild.toml", "--check", "c.json", "-o", "d.json"], "leave out --output"),
    ],
)
def test_errors_are_one_line(certify, arguments, said):
    code, out, err = certify(*arguments)
    assert code == 2 and out == "" and said in err and not Path("d.json").exists()


@pytest.mark.parametrize("name", ["net.onnx", "net64.onnx"])
@pytest.mark.parametrize("options", [("--method", "sampled"), STATISTICAL])
def test_a_certificate_inside_the_network(certify, capsys, name, options):
    network = network_from_onnx(name)
    code, out, _ = certify(name, "mild.toml", *options, "--embed", "-o", "c.json")
    certificate = read_onnx_metadata(name)["certificate"]
    assert code == 0 and f"embedded in {name} (" in out and certificate.statement in out
    assert str(certificate) == str(vf.Certificate.load("c.json"))
    network.to_onnx("again.onnx", certificate.dtype, certificate=certificate)
    assert Path("again.onnx").read_bytes() == Path(name).read_bytes()
    code, out, _ = certify(name, "mild.toml", "--check", name)
    assert code == 0 and out.startswith(f"{name} holds") and "found again" in out
    assert cli.main(["inspect", name]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"certificate {certificate.statement}" in shown
    assert "about the system mild on the box [-1, 1] x [-0.5, 1] over the duration 0.5" in shown


def test_an_embedded_certificate_is_replaced(certify):
    for seed in ("1", "2"):
        assert certify("net.onnx", "mild.toml", "--seed", seed, "--embed")[0] == 0
        assert read_onnx_metadata("net.onnx")["certificate"].seed == int(seed)


def test_embedded_certificates_of_something_else_are_refused(certify):
    certify("net.onnx", "mild.toml", *STATISTICAL, "--embed")
    for network, system, said in (
        ("net64.onnx", "mild.toml", "it is of a network in float32, and this one is in float64"),
        ("net.onnx", "other.toml", "it belongs to another system, 'mild'"),
    ):
        code, out, err = certify(network, system, "--check", "net.onnx")
        assert code == 1 and out == "" and f"net.onnx is refused: {said}" in err


def test_an_embedded_bound_above_the_tolerance_is_written_all_the_same(certify):
    code, _, err = certify("net.onnx", "mild.toml", "--tol", "1e-9", "--embed")
    assert code == 1 and "is above the tolerance" in err
    assert read_onnx_metadata("net.onnx")["certificate"].bound > 1e-9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["net.onnx", "--check", "net.onnx"], "cannot read 'net.onnx': there is no certificate in it"),
        (["net.onnx", "--check", "missing.onnx"], "there is no file 'missing.onnx'"),
        (["net.onnx", "--check", "c.json", "--embed"], "leave out --embed"),
        (["net.safetensors", "--embed"], "--embed writes into .onnx files, and 'net.safetensors' is none"),
        (["missing.onnx", "--embed"], "there is no file 'missing.onnx'"),
        (["net.onnx", "-o", "net.onnx"], "--output would replace the network; --embed writes"),
        (["flow.safetensors", "-o", "./flow.safetensors"], "--output would replace the network"),
    ],
)
def test_wrong_uses_of_embedding_leave_the_files_alone(certify, arguments, said):
    before = {path: path.read_bytes() for path in Path().iterdir()}
    name, *rest = arguments
    code, out, err = certify(name, "mild.toml", *rest)
    assert code == 2 and out == "" and said in err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_of_many_coordinates_the_first_are_shown(certify):
    d = 11
    network = vf.FeedforwardNetwork([0.5 * np.eye(d)], [np.zeros(d)], [], vf.Box(-np.ones(d), np.ones(d)))
    network.to_onnx("wide.onnx")
    names = [f"x{i}" for i in range(d)]
    equations = "\n".join(f'{name} = "-{name}"' for name in names)
    domain = "\n".join(f"{name} = [-1, 1]" for name in names)
    Path("wide.toml").write_text(
        f'name = "wide"\n[equations]\n{equations}\n[domain]\n{domain}\n[flow]\nduration = 0.5\n'
    )
    code, out, _ = certify("wide.onnx", "wide.toml", "--points", "64", "-o", "c.json")
    shown = re.search(r"largest \S+ at \((.*?)\)", out)
    assert code == 0 and shown is not None
    assert len(shown[1].split(", ")) == 9 and shown[1].endswith(", ...")
    assert str(vf.Certificate.load("c.json")).endswith(f"largest at ({shown[1]})")


def test_a_rigorous_proof_with_a_checkpoint(certify):
    proof = ("net64.onnx", "mild.toml", "--method", "rigorous", "--checkpoint", "proof.part")
    code, out, _ = certify(*proof)
    assert code == 0 and "proved on" in out and not Path("proof.part").exists()
    Path("proof.part").write_bytes(b"something else")
    code, _, err = certify(*proof)
    assert code == 2 and "'proof.part' is no checkpoint" in err
    assert Path("proof.part").read_bytes() == b"something else"
