"""Arguments, names, numbers and Python objects made to break things: one sentence and a failing exit code."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import cli
from vanillaflow.export.onnx import read_onnx_metadata
from vanillaflow.systems.system_file import parse_system

TABLE = "[domain]\nx = [-1, 1]\n[flow]\nduration = 0.1\n"
TOML = f'name = "s"\n[equations]\nx = "-x"\n{TABLE}'
HUGE = "0x" + "f" * 5000

# What a shell may hand over: long, empty, not UTF-8 (as Python has it), control characters, numbers.
WORDS = {
    "long": "a" * 5000,
    "deep": "a/" * 2500,
    "long toml": "a" * 5000 + ".toml",
    "long onnx": "é" * 3000 + ".onnx",
    "long object": "a" * 3000 + ":" + "b" * 3000,
    "colons": "a:" * 2000,
    "NUL": "x\0y.toml",
    "surrogate": "\udcff",
    "surrogate toml": "\udcff.toml",
    "surrogate onnx": "\ud800.onnx",
    "empty": "",
    "space": " \n",
    "escape": "\x1b[2J.wrong",
    "digits": "9" * 5000,
    "root": "/",
    "above": "../..",
    "dash": "-",
    "nan": "nan",
    "overflow": "-1e5000",
}
# Every argument and every option that takes a text or a number, of every command.
COMMANDS = """
compile {}|--tol|0.1
compile s.toml|--tol|{}
compile s.toml|--tol|0.1|-o|{}/
compile s.toml|--tol|0.1|--method|{}
compile s.toml|--tol|0.1|--dialect|{}
compile s.toml|--tol|0.1|--dialect|leaky_relu({})
compile s.toml|--tol|0.1|--slope|-{}
compile s.toml|--tol|0.1|--dtype|{}
compile s.toml|--tol|0.1|--seed|-{}
compile s.toml|--tol|0.1|--max-kinks|-{}
compile s.toml|--tol|0.1|--max-seconds|{}
report {}
report n.onnx|{}
report {}|s.toml
report n.onnx|s.toml|-o|{}
report n.onnx|s.toml|--certificate|{}
certify {}|s.toml
certify n.onnx|{}
certify n.onnx|s.toml|--method|{}
certify n.onnx|s.toml|-o|no/where/{}
certify n.onnx|s.toml|--check|{}
certify n.onnx|s.toml|--method|rigorous|--checkpoint|no/where/{}
certify n.onnx|s.toml|--points|-{}
certify n.onnx|s.toml|--method|statistical|--confidence|-{}
certify n.onnx|s.toml|--method|statistical|--coverage|{}
certify n.onnx|s.toml|--tol|{}
verify {}|-p|s.vnnlib
verify s.toml|-p|{}
verify s.toml|-p|s.vnnlib|--network|{}
verify s.toml|-p|s.vnnlib|-o|{}
verify s.toml|-p|s.vnnlib|--dialect|{}
inspect {}
zoo show|{}
zoo {}
compile s.toml|--{}
""".strip().splitlines()
# What some of these options rightly take.
RIGHT = {("--max-seconds", "digits"), ("--tol", "digits")}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(TOML)
    flow = vf.PlanarFlow([[0.5]], [[1.0]], [0.0], domain=vf.Box([-1], [1]))
    flow.save("n.safetensors")
    flow.to_network().to_onnx("n.onnx")
    Path("s.vnnlib").write_text(
        "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (>= X_0 0))(assert (<= X_0 1))"
        "(assert (<= Y_0 -5))"
    )
    return tmp_path


@pytest.fixture
def fails(here, capsys):
    """Run a command line that must fail, with one line of moderate length; gives that line and the code."""

    def failed(*arguments):
        names = set(os.listdir())
        code = cli.main(arguments)
        out, err = capsys.readouterr()
        lines = [line for line in err.splitlines() if not line.startswith("  ")]  # Stages are indented.
        assert code in (1, 2, 130) and out == "", (arguments, code, err)
        assert len(lines) == 1 and lines[0].startswith("vanillaflow: ") and len(lines[0]) < 1500
        assert set(os.listdir()) == names
        return lines[0], code

    return failed


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_of_every_command(fails, command):
    name, _, rest = command.partition(" ")
    for what, word in WORDS.items():
        parts = rest.split("|")
        option = parts[-2] if len(parts) > 1 else ""
        if (option, what) not in RIGHT:
            fails(name, *(part.replace("{}", word) for part in parts))


@pytest.mark.parametrize(
    "text",
    [
        f"name = {HUGE}\n",
        f'name = "s"\nequations = {HUGE}\n{TABLE}',
        TOML.replace("0.1", "9" * 5000),
        TOML.replace("0.1", HUGE),
        TOML.replace("[-1, 1]", f"[0, {HUGE}]"),
        TOML.replace("[-1, 1]", f"[0, [{HUGE}]]"),
        TOML.replace("[-1, 1]", HUGE),
        TOML.replace('"-x"', f'"x + {HUGE}"'),
        TOML.replace('"-x"', '"x + ' + "9" * 5000 + '"'),
        TOML.replace('"-x"', '"' + "(" * 5000 + '"'),
        TOML + f"[parameters]\nk = {HUGE}\n",
        TOML + f"[parameters]\nk = {{ times = [{HUGE}], values = [0, 1] }}\n",
        TOML + f"[inputs]\nk = [0, {HUGE}]\n",
        TOML + "a = " + "[" * 5000,
        TOML + "a = " + "{a=" * 5000,
        "a." * 5000 + "b = 1\n" + TOML,
        TOML + "[" + "a." * 3000 + "b]\n",
        f"{'a' * 5000} = 1\n" + TOML,
        TOML.replace("[equations]\nx", f"[equations]\n{'y' * 5000}"),
        TOML.replace("[equations]\nx", '[equations]\n"x' + "'" * 5000 + '"'),
        TOML.replace('"-x"', '"' + "y" * 5000 + '"'),
        TOML.replace('"s"', '"\\ud800"'),
        TOML.replace('[equations]\nx = "-x"', 'field = "a\\u0000.onnx"'),
        TOML.replace('[equations]\nx = "-x"', f'field = "{"a" * 5000}.onnx"'),
    ],
    ids=lambda text: str(len(text)),
)
def test_toml(fails, here, text):
    Path("t.toml").write_text(text)
    with pytest.raises(vf.FieldError) as refusal:
        vf.load_system("t.toml")
    assert str(refusal.value).startswith("t.toml: ")
    for command in (
        ["compile", "t.toml", "--tol", "0.1"],
        ["report", "t.toml"],
        ["certify", "n.onnx", "t.toml"],
    ):
        assert fails(*command)[1] == 2


# Names with surrogates, which file names in Python have and UTF-8 has not.
SURROGATE = "a\ud800b"


@pytest.mark.parametrize(
    "use",
    [
        lambda name: vf.from_equations({name: "-x"}),
        lambda name: vf.from_equations({"x": name}),
        lambda name: vf.from_equations({"x": "-x"}, {name: 1.0}),
        lambda name: vf.from_equations({"x": "-x"}, inputs=[name]),
        lambda name: parse_system(TOML.replace("x = ", f"{name} = "), "text"),
        vf.zoo.load,
        vf.load,
        vf.load_system,
        vf.from_onnx,
        vf.read_vnnlib,
        vf.Certificate.load,
    ],
)
@pytest.mark.parametrize(
    "name", [SURROGATE, "a\0b", "a" * 5000, ""], ids=["surrogate", "NUL", "long", "empty"]
)
def test_names(use, name, here):
    if name.isidentifier() and use.__name__ == "<lambda>":
        name = f"{name} {name}"
    with pytest.raises(vf.VanillaflowError):
        use(name)


def test_a_name_with_surrogates_is_written_everywhere(here):
    """A System may be called by a file's name, whatever that is."""
    field = vf.from_equations({"x": "-x"})
    system = vf.System(
        SURROGATE, field, vf.Box([-1], [1]), 0.1, variables=(SURROGATE,), equations=(SURROGATE,)
    )
    flow = vf.compile(system.target(), tol=0.1)
    network = flow.to_network()
    certificate = vf.certify(network, system.target(), points=64, dtype="float32")
    network.to_onnx("a.onnx", certificate=certificate)
    assert read_onnx_metadata("a.onnx")["system"] == "a\\ud800b"
    assert read_onnx_metadata("a.onnx")["provenance"].system == SURROGATE
    assert read_onnx_metadata("a.onnx")["certificate"].system == SURROGATE
    flow.save("a.safetensors")
    assert vf.load("a.safetensors").provenance.system == SURROGATE
    network.to_c("a.c")
    network.to_numpy("a.py")
    vf.report(flow, system, "a.html", command=["report", SURROGATE])
    assert all("\\ud800b" in Path(f"a.{kind}").read_text(encoding="utf-8") for kind in ("c", "py", "html"))


@pytest.mark.parametrize("number", [10**5000, -(10**5000), 10**400], ids=["large", "small", "float"])
def test_integers_beyond_floating_point(number):
    field = vf.from_equations({"x": "-x"})
    target = vf.FlowMap(field, 0.1, vf.Box([-1], [1]))
    for use in (
        lambda: vf.Box([0], [number]),
        lambda: vf.FlowMap(field, number, vf.Box([-1], [1])),
        lambda: vf.from_equations({"x": "-k*x"}, {"k": number}),
        lambda: vf.compile(target, tol=number),
        lambda: vf.compile(target, tol=0.1, max_seconds=number),
    ):
        with pytest.raises(ValueError):
            use()


# Modules whose code does what it should not.
RAISES = {
    "exits": "import sys; sys.exit(0)",
    "exits_in_words": "raise SystemExit('done')",
    "generator_exit": "raise GeneratorExit",
    "interrupt": "raise KeyboardInterrupt",
    "of_its_own": "class Own(BaseException): pass\nraise Own('x')",
    "unprintable": "class Own(Exception):\n    def __str__(self): raise ValueError\nraise Own",
    "exits_typer": "import typer; raise typer.Exit(0)",
    "aborts_typer": "import typer; raise typer.Abort",
    "recursion": "def f(): f()\nf()",
    "several_lines": "raise ValueError('a\\nb')",
}
OBJECTS = """
import sys, typer, vanillaflow as vf

class Property:
    def __init__(self, raises): self.raises = raises
    @property
    def system(self): raise self.raises

class Field:
    dim, calls = 1, 0
    def __init__(self, raises): self.raises = raises
    def __call__(self, t, x):
        self.calls += 1
        if self.calls > 40: raise self.raises
        return -x

class System(vf.System):
    def target(self): raise self.raises

class Disguised:
    @property
    def __class__(self): raise self.raises

def flow(raises):
    return vf.FlowMap(Field(raises), 1.0, vf.Box([-1], [1]))

def function(raises):
    def system(): raise raises
    return system

def subclass(raises):
    system = System("s", vf.from_equations({"x": "-x"}), vf.Box([-1], [1]), 1.0)
    object.__setattr__(system, "raises", raises)
    return system

def disguised(raises):
    made = Disguised()
    made.raises = raises
    return made

class Each: pass

for name, raised in dict(
    exits=SystemExit(0), generator_exit=GeneratorExit(), error=TypeError("x"), own=BaseException("y"),
    typer_exit=typer.Exit(0), key=KeyError(), stops=StopIteration(),
).items():
    each = Each()
    each.property, each.flow, each.function = Property(raised), flow(raised), function(raised)
    each.subclass, each.disguised = subclass(raised), disguised(raised)
    globals()[name] = each

x_list = [1]
misnamed = vf.System(5, vf.from_equations({"x": "-x"}), vf.Box([-1], [1]), 1.0)
backwards = vf.System("s", vf.from_equations({"x": "-x"}), vf.Box([-1], [1]), -1.0)
nowhere = vf.System("s", vf.from_equations({"x": "-x"}), None, 1.0)
"""
KINDS = ("exits", "generator_exit", "error", "own", "typer_exit", "key", "stops")
WHAT = ("property.system", "flow", "function", "subclass", "disguised")
NAMES = [
    *(
        f"{kind}.{what}"
        for kind in KINDS
        for what in ("property.system", "flow", "function", "subclass", "disguised")
    ),
    *(
        "x_list",
        "misnamed",
        "backwards",
        "nowhere",
        "absent",
        "exits.absent",
        "Field",
        "Each",
        "sys",
        "sys.exit",
    ),
]
USES = [
    ["compile", "{}", "--tol", "0.1", "-o", "out.onnx"],
    ["certify", "n.safetensors", "{}"],
    ["verify", "{}", "-p", "s.vnnlib", "--network", "n.safetensors"],
    ["report", "n.safetensors", "{}"],
]


@pytest.mark.parametrize("name", RAISES)
def test_modules_that_raise(fails, name):
    Path(f"{name}.py").write_text(RAISES[name])
    for use in USES:
        said, code = fails(*(part.replace("{}", f"{name}:x") for part in use))
        assert code == (130 if name == "interrupt" else 2)
        assert name == "interrupt" or f"module '{name}' cannot be imported: " in said


@pytest.mark.parametrize("name", NAMES)
def test_objects_that_raise(fails, name):
    Path("objects.py").write_text(OBJECTS)
    sys.modules.pop("objects", None)
    use = USES[NAMES.index(name) % len(USES)] if "." in name else USES[0]
    said, code = fails(*(part.replace("{}", f"objects:{name}") for part in use))
    assert code == 2 and ("objects" in said or name == "nowhere")


def test_a_module_that_changes_the_path(fails):
    Path("clears.py").write_text("import sys\nsys.path = [p for p in sys.path if p]\n")
    assert "has no 'x'" in fails("compile", "clears:x", "--tol", "0.1")[0]


def test_a_mistake_of_ours_keeps_its_traceback(here, monkeypatch):
    from vanillaflow import compiler

    def mistaken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(compiler, "compile", mistaken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["compile", "s.toml", "--tol", "0.1"])


def test_elements_of_onnx_that_there_are_not(here):
    from onnx import TensorProto, helper, numpy_helper

    def written(change):
        tensor = numpy_helper.from_array(np.eye(2, dtype="f4"), "W")
        ends = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["n", 2]) for end in "xv"]
        change(tensor, ends[0].type.tensor_type)
        graph = helper.make_graph(
            [helper.make_node("MatMul", ["x", "W"], ["v"])], "f", ends[:1], ends[1:], [tensor]
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        Path("f.onnx").write_bytes(model.SerializeToString())

    def set_(field, value):
        return lambda tensor, _: setattr(tensor, field, value)

    for change, said in (
        (set_("data_type", 65), "unknown element type 65"),
        (set_("data_type", 0), "unknown element type 0"),
        (set_("data_type", 10**9), "unknown element type 1000000000"),
        (set_("data_type", TensorProto.INT64), "has other numbers than its shape"),
        (set_("raw_data", b"123"), "has other numbers than its shape"),
        (lambda tensor, _: tensor.dims.append(2**40), "has other numbers than its shape"),
        (lambda tensor, _: tensor.dims.append(0), "has other numbers than its shape"),
        (lambda tensor, _: tensor.dims.append(-1), "has the impossible shape"),
        (lambda tensor, _: tensor.dims.pop(), "has other numbers than its shape"),
        (lambda _, given: setattr(given, "elem_type", 65), "is not of floating-point numbers"),
        (
            lambda _, given: setattr(given, "elem_type", TensorProto.STRING),
            "is not of floating-point numbers",
        ),
    ):
        written(change)
        with pytest.raises(vf.FieldError, match=said) as refusal:
            vf.from_onnx("f.onnx")
        assert str(refusal.value).startswith("f.onnx: ") and "\n" not in str(refusal.value)
