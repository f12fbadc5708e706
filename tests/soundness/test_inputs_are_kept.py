"""No input file is ever an output, in any command, by whatever name; and no output is given twice."""

import contextlib
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import vanillaflow as vf
from vanillaflow import cli
from vanillaflow.files import read_bytes, write_atomically
from vanillaflow.files.inputs import keep_inputs, note_output

REFUSED = ("vanillaflow: cannot write", "vanillaflow: --output would replace the network")
FILES = [
    *("system.toml", "field.toml", "field.onnx", "field.data", "network.onnx", "network.safetensors"),
    *("safe.vnnlib", "certificate.json", "module.py"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with an input of every kind."""
    folder = tmp_path_factory.mktemp("inputs")
    with contextlib.chdir(folder):
        make_inputs()
    return folder


@pytest.fixture
def here(inputs, tmp_path, monkeypatch):
    """A working directory with an input of every kind."""
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_inputs():
    table = "[domain]\nx = [-1, 1]\ny = [-1, 1]\n[flow]\nduration = 0.1\n"
    Path("system.toml").write_text(f'name = "s"\n[equations]\nx = "-x"\ny = "-y"\n{table}')
    Path("field.toml").write_text(f'name = "f"\nfield = "field.onnx"\n{table}')
    matrix = numpy_helper.from_array(-np.eye(2, dtype="f4"), "W")
    Path("field.data").write_bytes(matrix.raw_data)
    matrix.ClearField("raw_data")
    matrix.data_location = TensorProto.EXTERNAL
    matrix.external_data.add(key="location", value="field.data")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 2]) for name in "xv"]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["v"])], "f", [ends[0]], [ends[1]], [matrix]
    )
    opset = [helper.make_opsetid("", 17)]
    Path("field.onnx").write_bytes(
        helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    )
    flow = vf.compile(vf.load_system("system.toml").target(), tol=0.1)
    flow.save("network.safetensors")
    flow.to_network().to_onnx("network.onnx")
    vf.certify(flow, vf.load_system("system.toml").target(), points=64).save("certificate.json")
    Path("module.py").write_text(
        "import vanillaflow as vf\n"
        "system = vf.System('m', vf.from_equations({'x': '-x', 'y': '-y'}), vf.Box([-1, -1], [1, 1]), 0.1)\n"
    )
    Path("safe.vnnlib").write_text(
        "".join(f"(declare-const {v}_{i} Real)" for v in "XY" for i in range(2))
        + "(assert (>= X_0 0))(assert (<= X_0 1))(assert (>= X_1 0))(assert (<= X_1 1))(assert (<= Y_0 -5))"
    )


@pytest.fixture
def fails(here, capsys):
    """Run a command that must be refused, and leave every file as it was; gives what it said."""

    def refused(*arguments):
        sys.modules.pop("module", None)
        before = {name: (here / name).read_bytes() for name in FILES}
        names = set(os.listdir())
        assert cli.main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.startswith(REFUSED) and err.count("\n") == 1
        assert {name: (here / name).read_bytes() for name in FILES} == before
        assert set(os.listdir()) == names
        return err

    return refused


def aliases(name, new):
    """Other names of the file: by the directory above, by a symbolic and by a hard link with suffix `new`."""
    Path("soft" + new).symlink_to(name)
    os.link(name, "hard" + new)
    return [os.path.join("..", Path.cwd().name, name), str(Path(name).absolute()), "soft" + new, "hard" + new]


PROOF = ["--method", "rigorous", "--checkpoint"]
# Every command with an input that bears a suffix that it may write.
CLASHES = [
    (["compile", "module:system", "--tol", "0.1", "-o"], "module.py"),
    (["compile", "field.toml", "--tol", "0.1", "-o"], "field.onnx"),
    (["certify", "network.onnx", "system.toml", *PROOF], "system.toml"),
    (["certify", "network.onnx", "field.toml", *PROOF], "field.data"),
    (["certify", "network.safetensors", "system.toml", *PROOF], "network.safetensors"),
    (["verify", "system.toml", "-p", "safe.vnnlib", "--network", "network.onnx", "-o"], "safe.vnnlib"),
    (["verify", "system.toml", "-p", "safe.vnnlib", "--network", "network.onnx", "-o"], "network.onnx"),
    (["verify", "field.toml", "-p", "safe.vnnlib", "-o"], "field.onnx"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "name"), CLASHES)
def test_an_input_is_not_written_by_any_of_its_names(fails, command, name):
    assert f"'{name}'" in fails(*command, name)
    for alias in aliases(name, Path(name).suffix):
        said = fails(*command, alias)
        assert "is an input of this command" in said and name in said


@pytest.mark.parametrize("name", ["system.toml", "certificate.json", "network.onnx"])
def test_a_report_is_not_written_over_what_it_shows(fails, name):
    command = ["report", "network.onnx", "system.toml", "--certificate", "certificate.json", "-o"]
    for alias in aliases(name, ".html")[2:]:
        assert f"it is the file '{name}', which is an input" in fails(*command, alias)
    # By its own name it has another suffix.
    assert "must end in .html" in fails(*command, name)


@pytest.mark.parametrize("name", ["network.onnx", "field.toml", "field.onnx", "field.data"])
def test_a_certificate_is_not_written_over_what_it_is_of(fails, name):
    for alias in aliases(name, ".json")[2:]:
        said = fails("certify", "network.onnx", "field.toml", "-o", alias)
        assert (
            f"/{name}', which is an input" in said
            or f"'{name}', which is an input" in said
            or "--embed" in said
        )


COMPILE = ["compile", "system.toml", "--tol", "0.1"]
VERIFY = ["verify", "system.toml", "-p", "safe.vnnlib"]


@pytest.mark.parametrize(
    ("command", "outputs", "said"),
    [
        (COMPILE, ["-o", "a.onnx", "-o", "./a.onnx"], "'a.onnx' twice: give"),
        (COMPILE, ["-o", "a.c", "-o", "x/../a.c"], "twice, as 'a.c' before"),
        (COMPILE, ["-o", "a.c", "-o", "a.c"], "'a.c' twice: give"),
        (VERIFY, ["-o", "b.json", "-o", "x/../b.json"], "twice"),
        (["certify", "network.onnx", "system.toml"], ["-o", "p", *PROOF, "p"], "twice"),
        (["certify", "network.onnx", "system.toml"], ["-o", "c.toml"], "must end in .json"),
        (["certify", "network.onnx", "system.toml"], ["-o", "c.onnx"], "must end in .json"),
        (["certify", "network.onnx", "system.toml"], ["-o", "c.vnnlib"], "must end in .json"),
        (VERIFY, ["-o", "b.toml"], "must end in .onnx, .vnnlib or .json"),
        (["report", "system.toml"], ["-o", "r.py"], "must end in .html or .htm"),
    ],
)  # fmt: skip
def test_outputs_of_other_kinds_or_given_twice(fails, command, outputs, said):
    Path("x").mkdir()
    assert said in fails(*command, *outputs)


def test_refused_before_any_work(fails, monkeypatch):
    from vanillaflow import certificates, compiler

    for module, name in ((compiler, "compile"), (certificates, "certify")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("worked first"))
    for command, name in CLASHES:
        fails(*command, name)


def test_what_is_asked_for_is_still_written(here, capsys):
    """Embedding replaces its network, a checkpoint is read and written, an old output is replaced."""
    certify = ["certify", "network.onnx", "system.toml", "--points", "64"]
    for _ in range(2):
        assert cli.main([*certify, "--embed", "-o", "new.json"]) == 0
    assert cli.main(["certify", "network.onnx", "system.toml", "--check", "network.onnx"]) == 0
    assert cli.main(["inspect", "network.onnx"]) == 0
    proof = [
        "certify",
        "network.safetensors",
        "system.toml",
        "--method",
        "rigorous",
        "--checkpoint",
        "proof.part",
    ]
    assert cli.main(proof) == 0 and not Path("proof.part").exists()
    assert cli.main([*COMPILE, "-o", "network.onnx"]) == 0
    assert onnx.load("network.onnx").graph.node[0].op_type == "Gemm"


def test_python_may_read_and_write_a_file(here):
    content = read_bytes("system.toml")
    write_atomically("system.toml", content)
    with keep_inputs():
        read_bytes("system.toml")
        with pytest.raises(vf.OutputError, match="an input of this command"):
            write_atomically("system.toml", b"")
        with pytest.raises(vf.OutputError, match="an input of this command"):
            note_output("system.toml")
        note_output("new")
        write_atomically("new", b"")
        with pytest.raises(vf.OutputError, match="'new': it is an input"):
            read_bytes("new")
    write_atomically("system.toml", content)
