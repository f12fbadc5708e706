"""The command line: what it does, and the one line that it says when it cannot."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

import vanillaflow as vf
from vanillaflow import cli, compiler
from vanillaflow.cli import compiling
from vanillaflow.constructions.registry import CONSTRUCTIONS
from vanillaflow.export.onnx import network_from_onnx

# For tests that need some flow, the method that has one soonest.
SPLIT = ("--method", "split")
# Compiles in a second: one nonlinear piece, mild.
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
# A Python module of systems.
SYSTEMS = """
import numpy as np
import vanillaflow as vf

number = 3
target = vf.FlowMap(vf.from_callable(lambda x: -np.tanh(x), 2), 0.5, vf.Box([-1, -1], [1, 1]), name="decay")

def needs(something):
    return target

class Family:
    @staticmethod
    def system():
        return vf.System("family", target.field, target.domain, target.duration)
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working directory, with a system in it."""
    monkeypatch.chdir(tmp_path)
    Path("mild.toml").write_text(TOML)
    return tmp_path


@pytest.fixture
def run(here, capsys):
    """Run a command line that must succeed; gives standard output."""

    def succeed(*arguments: str) -> str:
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        assert code == 0, err
        return out

    return succeed


@pytest.fixture
def fail(here, capsys):
    """Run a command line that must fail with `code` and one line; gives that line."""

    def refuse(*arguments: str, code: int = 2) -> str:
        before = set(os.listdir())
        assert cli.main(arguments) == code
        out, err = capsys.readouterr()
        # Stages that were completed before, if any, are indented.
        lines = [line for line in err.splitlines() if not line.startswith("  ")]
        assert out == "" and len(lines) == 1 and "Traceback" not in err
        assert set(os.listdir()) == before
        program, _, message = lines[0].partition(": ")
        assert program == "vanillaflow"
        return message

    return refuse


def test_version(run):
    assert run("--version") == f"vanillaflow {vf.__version__}\n"


def test_help_names_the_commands_and_methods(run):
    assert all(name in run("--help") for name in ("compile", "inspect", "zoo"))
    assert run() == run("--help")
    assert all(method in run("compile", "--help") for method in CONSTRUCTIONS)


def test_compiled_files_hold_what_the_summary_says(run):
    out = run("compile", "mild.toml", *SPLIT, "--tol", "1e-2", "-o", "a.onnx", "-o", "b.safetensors")
    flow = vf.load("b.safetensors")
    network = flow.to_network()
    assert f"width 2, depth {network.depth}" in out and f"{flow.kinks} kinks" in out
    assert "[-1, 1] x [-0.5, 1]" in out and "mild" in out and "lower bound of the supremum" in out
    assert flow.domain == vf.Box([-1, -0.5], [1, 1]) and flow.provenance.tolerance == 1e-2
    target = vf.load_system("mild.toml").target()
    assert vf.certify(flow, target, seed=7).bound <= 1e-2
    x = target.domain.sample(500, seed=3)
    session = onnxruntime.InferenceSession("a.onnx")
    y = session.run(None, {"x": x.astype(np.float32)})[0]
    assert y.dtype == np.float32 and np.max(np.abs(y - target(x))) <= 1e-2


def test_compiled_sources_compute_what_the_network_does(run):
    out = run(
        "compile", "mild.toml", *SPLIT, "--tol", "1e-2", "-o", "swing.c", "-o", "swing.py", "-o", "swing.onnx"
    )
    assert all(f"swing.{kind} (" in out for kind in ("c", "py", "onnx"))
    target = vf.load_system("mild.toml").target()
    x = target.domain.sample(100, seed=3)
    namespace = {}
    exec(Path("swing.py").read_text(encoding="utf-8"), namespace)  # noqa: S102 - just written by us
    y = namespace["flow"](x)
    assert y.dtype == np.float32 and np.max(np.abs(y - target(x))) <= 1e-2
    assert "float32" in namespace["__doc__"] and "Tolerance asked for: 0.01" in namespace["__doc__"]
    assert "void swing(const float *x, float *y);" in Path("swing.c").read_text(encoding="utf-8")
    if shutil.which("cc") is not None:
        subprocess.run(["cc", "-std=c99", "-DVANILLAFLOW_MAIN", "swing.c", "-o", "swing"], check=True)
        text = "\n".join(f"{a} {b}" for a, b in x.tolist())
        done = subprocess.run(["./swing"], input=text, capture_output=True, text=True, check=True)
        y = np.array([line.split() for line in done.stdout.splitlines()], float)
        assert np.max(np.abs(y - target(x))) <= 1e-2


def test_float64(run):
    files = ("-o", "a.onnx", "-o", "a.c", "-o", "a.py")
    out = run("compile", "mild.toml", *SPLIT, "--tol", "1e-2", *files, "--dtype", "float64")
    assert "for the network, in float64" in out
    assert "float64" in run("inspect", "a.onnx")
    assert onnxruntime.InferenceSession("a.onnx").get_inputs()[0].type == "tensor(double)"
    assert "void a(const double *x, double *y);" in Path("a.c").read_text(encoding="utf-8")
    assert "float64" in Path("a.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("dtype, kind", [("float32", "LeakyRelu"), ("float64", "PRelu")])
def test_one_slope_in_every_layer(run, dtype, kind):
    out = run(
        "compile", "mild.toml", *SPLIT, "--tol", "3e-2", "--slope", "0.3", "-o", "a.onnx", "--dtype", dtype
    )
    assert "slope       0.3 in every layer" in out
    graph = onnx.load("a.onnx").graph
    assert [n.op_type for n in graph.node[1::2]] == [kind] * (len(graph.node) // 2)
    if dtype == "float32":
        slopes = [onnx.helper.get_node_attr_value(node, "alpha") for node in graph.node[1::2]]
    else:
        slopes = [onnx.numpy_helper.to_array(t) for t in graph.initializer if t.name.startswith("slope")]
    assert len(slopes) == len(graph.node) // 2 > 0
    assert all(slope == np.dtype(dtype).type(0.3) for slope in slopes)
    assert "0.3 in every layer" in run("inspect", "a.onnx")
    network, target = network_from_onnx("a.onnx"), vf.load_system("mild.toml").target()
    assert vf.certify(network, target, seed=7).bound <= 3e-2


@pytest.mark.parametrize(
    "dialect, kind, layers, width", [("prelu", "PRelu", "PReLU", 2), ("relu", "Relu", "ReLU", 3)]
)
def test_dialects(run, dialect, kind, layers, width):
    out = run("compile", "mild.toml", *SPLIT, "--tol", "3e-2", "--dialect", dialect, "-o", "a.onnx")
    network, target = network_from_onnx("a.onnx"), vf.load_system("mild.toml").target()
    assert network.dialect == dialect
    assert f"width {width}, depth {network.depth} ({layers} layers)" in out
    assert re.search(rf"packing     \d+ kinks in {network.depth} layers", out)
    for text in (out, run("inspect", "a.onnx")):
        assert f"dialect     {dialect}: " in text
    assert {n.op_type for n in onnx.load("a.onnx").graph.node} == {"Gemm", kind}
    assert vf.certify(network, target, seed=7).bound <= 3e-2


def test_a_dialect_with_its_slope(run):
    out = run("compile", "mild.toml", *SPLIT, "--tol", "3e-2", "--dialect", "leaky_relu(0.3)", "-o", "a.onnx")
    assert "slope       0.3 in every layer" in out
    assert np.all(network_from_onnx("a.onnx").slopes == np.float32(0.3))


def test_inspect_tells_the_one_slope_of_a_flow(run):
    run("compile", "mild.toml", *SPLIT, "--tol", "3e-2", "--slope", "0.3", "-o", "a.safetensors")
    assert "0.3 in every layer" in run("inspect", "a.safetensors")


def test_without_output_nothing_is_written(run, here):
    assert "written" not in run("compile", "mild.toml", *SPLIT, "--tol", "1e-2")
    assert os.listdir() == ["mild.toml"]


def test_the_default_method(run):
    assert "method      anytime: " in run("compile", "mild.toml", "--tol", "5e-2")


def test_same_seed_same_file(run):
    for name in ("a.onnx", "b.onnx"):
        run("compile", "mild.toml", *SPLIT, "--tol", "1e-2", "--seed", "3", "-o", name)
    a, b = (network_from_onnx(name) for name in ("a.onnx", "b.onnx"))
    assert np.array_equal(a.weights, b.weights) and np.array_equal(a.slopes, b.slopes)


@pytest.mark.parametrize("name, title", [("target", "decay"), ("Family.system", "family")])
def test_systems_of_a_python_module(run, name, title):
    Path("systems.py").write_text(SYSTEMS)
    sys.modules.pop("systems", None)
    out = run("compile", f"systems:{name}", "--tol", "1e-1", "-o", "decay.onnx")
    assert out.startswith(f"{title}: a vanilla network of width 2") and Path("decay.onnx").is_file()
    assert "" not in sys.path[:1]


def test_zoo_name_and_method(run):
    assert "split" in run("compile", "pendulum", "--tol", "0.3", "--method", "split")


def test_progress_goes_to_standard_error(here, capsys):
    assert cli.main(["compile", "mild.toml", *SPLIT, "--tol", "1e-2"]) == 0
    out, err = capsys.readouterr()
    assert "constructed" in err and "\x1b" not in err and "\r" not in err
    assert out.startswith("mild: a vanilla network of width 2\n")


def test_zoo_list_has_every_system(run):
    out = run("zoo", "list")
    assert all(name in out for name in vf.zoo.names())


@pytest.mark.parametrize("name", vf.zoo.names())
def test_zoo_show(run, name):
    out = run("zoo", "show", name)
    system = vf.zoo.load(name)
    assert all(equation in " ".join(out.split()) for equation in system.equations)
    assert f"duration    {system.duration:g}" in out and "box" in out
    assert "Source" in out or "Chen et al." in out or "Hopfield" in out


def test_zoo_show_toml_is_a_system(run, here):
    Path("copy.toml").write_text(run("zoo", "show", "duffing", "--toml"))
    assert vf.load_system("copy.toml").equations == vf.zoo.duffing().equations


def test_inspect_every_kind_of_file(run):
    flow = vf.compile(vf.load_system("mild.toml").target(), tol=1e-2, method="split")
    network = flow.to_network()
    flow.save("flow.safetensors")
    network.save("network.safetensors")
    network.to_onnx("network.onnx")
    for name, kind in (
        ("flow.safetensors", "a planar flow"),
        ("network.safetensors", "a vanilla network, float64"),
        ("network.onnx", "a vanilla network in ONNX, float32"),
    ):
        out = run("inspect", name)
        assert out.startswith(f"{name}: {kind}")
        for part in (
            "mild",
            f"depth {network.depth}",
            f"{flow.provenance.error:.4g}",
            "lower bound",
            "[-1, 1] x [-0.5, 1]",
            f"{network.condition_numbers().max():.4g}",
            f"{network.slopes.min():.4g} .. {network.slopes.max():.4g}",
        ):
            assert part in " ".join(out.split())


def test_inspect_measures_precisions(run, fail, monkeypatch):
    domain = vf.Box([-1, -1], [1, 1])
    network = vf.FeedforwardNetwork([np.eye(2) / 3, np.eye(2)], np.zeros((2, 2)), [0.5], domain)
    network.to_onnx("network.onnx", "float64")
    network.save("network.safetensors")
    errors = vf.precision_errors(network)
    for name in ("network.onnx", "network.safetensors"):
        assert "precision" not in run("inspect", name)
        out = run("inspect", name, "--precision")
        assert "at 4100 points" in out
        for precision in ("float32", "float16", "bfloat16", "int8"):
            assert re.search(rf"^  {precision} +{getattr(errors, precision):.3g}\b", out, flags=re.MULTILINE)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    out = run("inspect", "network.onnx", "--precision")
    assert 'int8        not measured: needs onnxruntime, pip install "vanillaflow[onnxruntime]"' in out


def test_inspect_of_precisions_needs_a_box(fail):
    vf.FeedforwardNetwork([[[0.5]]], [[0.0]], []).save("network.safetensors")
    vf.PlanarFlow([[0.5, 0.1]], [[1.0, 0.0]], [0.0]).save("flow.safetensors")
    for name in ("network.safetensors", "flow.safetensors"):
        assert "records no box" in fail("inspect", name, "--precision")
    vf.FeedforwardNetwork([[[1e39]]], [[0.0]], [], vf.Box([-1], [1])).save("large.safetensors")
    assert "overflow float32" in fail("inspect", "large.safetensors", "--precision")


def test_inspect_of_a_file_that_does_not_know_its_origin(run):
    vf.PlanarFlow([[0.5, 0.1]], [[1.0, 0.0]], [0.0]).save("bare.safetensors")
    out = run("inspect", "bare.safetensors")
    assert "1 kinks" in out and "not recorded" in out and "none recorded" in out


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["compile", "pendulm", "--tol", "0.1"], "did you mean 'pendulum'"),
        (["compile", "missing.toml", "--tol", "0.1"], "missing.toml: there is no such file"),
        (["compile", "no.module:thing", "--tol", "0.1"], "module 'no.module' cannot be imported"),
        (["compile", "fails_itself:x", "--tol", "0.1"], "cannot be imported: ZeroDivisionError: division by"),
        (["compile", "systems:missing", "--tol", "0.1"], "module 'systems' has no 'missing'"),
        (["compile", "systems:number", "--tol", "0.1"], "systems:number is a int; it should be"),
        (["compile", "systems:needs", "--tol", "0.1"], "systems:needs() fails: TypeError"),
        (["compile", "systems:x()", "--tol", "0.1"], "is not of the form package.module:object"),
        (["compile", "broken.toml", "--tol", "0.1"], "broken.toml: not valid TOML"),
        (["compile", "hostile.toml", "--tol", "0.1"], "hostile.toml: equation x"),
        (["compile", "explodes.toml", "--tol", "0.1"], "blows up"),
        (["compile", "mild.toml"], "Missing option '--tol'"),
        (["compile", "mild.toml", "--tol", "0"], "must be positive"),
        (["compile", "mild.toml", "--tol", "-1"], "must be positive"),
        (["compile", "mild.toml", "--tol", "nan"], "must be positive and finite"),
        (["compile", "mild.toml", "--tol", "inf"], "must be positive and finite"),
        (["compile", "mild.toml", "--tol", "small"], "'--tol'"),
        (["compile", "mild.toml", "--tol", "0.1", "--method", "magic"], "known are anytime"),
        (["compile", "mild.toml", "--tol", "0.1", "--dtype", "float16"], "float32"),
        (["compile", "mild.toml", "--tol", "0.1", "--seed", "-1"], "'--seed'"),
        (
            ["compile", "mild.toml", "--tol", "0.1", "--slope", "1"],
            "'--slope': it must be within (0, 1), got 1",
        ),
        (["compile", "mild.toml", "--tol", "0.1", "--slope", "0"], "'--slope': it must be positive"),
        (["compile", "mild.toml", "--tol", "0.1", "--slope", "nan"], "'--slope': it must be positive"),
        (["compile", "mild.toml", "--tol", "0.1", "--dialect", "gelu"], "unknown dialect 'gelu'; known are"),
        (
            ["compile", "mild.toml", "--tol", "0.1", "--dialect", "relu", "--slope", "0.5"],
            "the dialect relu takes no slope",
        ),
        (
            ["compile", "mild.toml", "--tol", "0.1", "--dialect", "leaky_relu(1.5)"],
            "the one slope must be within (0, 1), got 1.5",
        ),
        (["compile", "mild.toml", "--tol", "0.1", "--max-kinks", "0"], "'--max-kinks'"),
        (
            ["compile", "mild.toml", "--tol", "0.1", "-o", "net.pt"],
            "must end in .onnx, .c, .py or .safetensors",
        ),
        (["compile", "mild.toml", "--tol", "0.1", "-o", "no/where.onnx"], "there is no directory"),
        (["compile", "mild.toml", "--tol", "0.1", "-o", "folder.onnx"], "it is a directory"),
        (["zoo", "show", "lorentz"], "did you mean 'lorenz'"),
        (["zoo", "show", "fput", "--toml"], "no TOML file"),
        (["zoo"], "Missing command"),
        (["inspect", "missing.onnx"], "there is no file 'missing.onnx'"),
        (["inspect", "mild.toml"], "must end in .safetensors or .onnx"),
        (["inspect", "garbage.onnx"], "garbage.onnx"),
        (["inspect", "garbage.safetensors"], "garbage.safetensors"),
        (["inspect", "folder.onnx"], "is a directory"),
        (["compil"], "compil"),
        (["compile", "mild.toml", "--tolerance", "1"], "--tolerance"),
        (["compile", "mild.toml", "--tol", "0.1", "--effort", "smal"], "did you mean 'small'"),
        (["compile", "mild.toml", "--tol", "0.1", "--effort", "-3"], "must be positive"),
    ],
)
def test_errors_are_one_line(fail, arguments, said):
    Path("broken.toml").write_text("name = ")
    Path("hostile.toml").write_text(TOML.replace('"y"', '"__import__(1)"', 1))
    Path("explodes.toml").write_text(TOML.replace('"-sin(x)"', '"y**2 + 100"'))
    Path("fails_itself.py").write_text("1 / 0")
    Path("systems.py").write_text(SYSTEMS)
    sys.modules.pop("systems", None)
    Path("garbage.onnx").write_bytes(b"\x08\x08 no model\n")
    Path("garbage.safetensors").write_bytes(b"no tensors")
    Path("folder.onnx").mkdir()
    assert said in fail(*arguments)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_directory_without_permission(fail):
    Path("locked").mkdir(mode=0o500)
    assert "permission denied" in fail("compile", "mild.toml", "--tol", "0.1", "-o", "locked/net.onnx")


def test_outputs_are_checked_before_the_compilation(fail, monkeypatch):
    monkeypatch.setattr(compiler, "compile", lambda *_, **__: pytest.fail("compiled first"))
    fail("compile", "mild.toml", "--tol", "0.1", "-o", "good.onnx", "-o", "no/where.onnx")


def test_tolerance_out_of_reach(fail):
    said = fail("compile", "mild.toml", "--tol", "1e-3", "--method", "paper", "--max-kinks", "10", code=1)
    assert "the tolerance 0.001 is out of reach" in said and "would need" in said
    assert said.endswith("; try a larger --tol, or a larger --max-kinks")


def test_tolerance_out_of_reach_but_a_flow_there_is(fail, run):
    arguments = ("compile", "mild.toml", *SPLIT, "--max-kinks", "5", "-o", "a.onnx")
    said = fail(*arguments, "--tol", "1e-3", code=1)
    assert "above the tolerance 0.001" in said and "above the limit of 5" in said
    advice = re.search(r"; try --tol (\S+), or a larger --max-kinks$", said)
    run(*arguments, "--tol", advice[1])


def test_export_error_above_the_tolerance_is_refused(fail, monkeypatch):
    measure = compiling.measure

    def worse(*arguments):
        result, certificate = measure(*arguments)
        return result, replace(certificate, bound=0.123)

    monkeypatch.setattr(compiling, "measure", worse)
    said = fail("compile", "mild.toml", *SPLIT, "--tol", "1e-2", "-o", "a.onnx", code=1)
    assert "float32 network has error 0.123, above the tolerance 0.01" in said


def test_control_characters_are_not_sent_to_the_terminal(fail):
    assert "\\x1b[31m" in fail("inspect", "\x1b[31mred\nfile.onnx")


def test_interrupt_in_a_command(fail, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(compiler, "compile", interrupted)
    assert "interrupted" in fail("compile", "mild.toml", "--tol", "0.1", "-o", "a.onnx", code=130)


# A test run that was started in the background ignores SIGINT and its children inherit that: take it back.
_COMPILES_A_MINUTE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from vanillaflow import cli, compiler
compiler.compile = lambda *_, **__: (print("ready", flush=True), time.sleep(60))
sys.exit(cli.main(sys.argv[1:]))
"""


def test_ctrl_c(here):
    """For real, in a process of its own that is compiling."""
    process = subprocess.Popen(
        [sys.executable, "-c", _COMPILES_A_MINUTE, "compile", "mild.toml", "--tol", "0.1", "-o", "a.onnx"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == "" and err == "vanillaflow: interrupted; nothing more was written\n"
    assert os.listdir() == ["mild.toml"]


def test_python_m(here):
    done = subprocess.run([sys.executable, "-m", "vanillaflow", "zoo", "shw"], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("vanillaflow: No such command 'shw'") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "name, says", [("m.onnx", "TOML file"), ("m.pt2", "unpickling"), ("m.PT", "onnx.export")]
)
def test_models_are_not_systems(name, says, here, fail):
    (here / name).write_bytes(b"not read")
    assert says in fail("compile", name, "--tol", "0.1")
