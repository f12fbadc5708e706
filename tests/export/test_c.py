"""C source: compiles without a warning, and computes to the bit what the layers say, in their order."""

import ctypes
import re
import shutil
import subprocess
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from random_objects import PROVENANCE, random_network, rounding_bound
from vanillaflow.export.c import c_source
from vanillaflow.export.c_names import function_name_for, is_function_name
from vanillaflow.provenance import Provenance

COMPILER = shutil.which("cc")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2", "-ffp-contract=off")
NUMBER = {"float64": ctypes.c_double, "float32": ctypes.c_float}
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler called cc")


def compiled(source, target, *options):
    """The file `target`, made from C source without a warning."""
    path = target.with_suffix(".c")
    path.write_text(source, encoding="utf-8")
    done = subprocess.run([COMPILER, *STRICT, *options, path, "-o", target], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return target


def library(folder, **sources):
    """Several sources in one shared library, as compiling takes longer than anything else here."""
    library.count = getattr(library, "count", 0) + 1  # A path that is loaded is not loaded again.
    return ctypes.CDLL(
        str(compiled("\n".join(sources.values()), folder / f"lib{library.count}", "-shared", "-fPIC"))
    )


def call(function, x, outputs):
    y = np.empty((len(x), outputs), x.dtype)
    for point, image in zip(x, y):
        function(*(part.ctypes.data_as(ctypes.c_void_p) for part in (point, image)))
    return y


def in_order(network, x):
    """The layers at the rows of x, in its dtype, every sum taken from left to right, the bias first."""
    for W, b, slope in zip(network.weights, network.biases, [*network.slopes, 1.0]):
        W, b, slope = W.astype(x.dtype), b.astype(x.dtype), np.asarray(slope).astype(x.dtype)
        z = np.tile(b, (len(x), 1))
        for column, values in zip(W.T, x.T):
            z = z + values[:, None] * column
        x = np.maximum(z, slope * z)
    return x


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("c")


@needs_compiler
@settings(max_examples=5, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(0, 30)), min_size=1, max_size=6
    )
)
def test_the_same_bits(folder, shapes):
    networks = [random_network(*shape) for shape in shapes]
    cases = [(network, dtype) for network in networks for dtype in NUMBER]
    sources = {f"f{i}": c_source(network, f"f{i}", dtype) for i, (network, dtype) in enumerate(cases)}
    functions = library(folder, **sources)
    for i, (network, dtype) in enumerate(cases):
        x = network.domain.uniform(50, i).astype(dtype)
        y = call(functions[f"f{i}"], x, network.width)
        np.testing.assert_array_equal(y, in_order(network, x))
        # The network adds in another order, each within the bound of the exact value.
        x = x.astype(np.float64)
        bound = rounding_bound(network, x, dtype) + rounding_bound(network, x, "float64")
        assert np.all(np.abs(y - network(x)) <= bound)


@needs_compiler
def test_contraction_costs_no_more_than_rounding(folder):
    # A fused multiply-add leaves out a rounding, so that the same bound holds.
    network = random_network(1, 5, 20)
    path = compiled(
        c_source(network, "contracted"),
        folder / "contracted",
        "-shared",
        "-fPIC",
        "-ffp-contract=fast",
        "-march=native",
    )
    x = network.domain.uniform(200)
    y = call(ctypes.CDLL(str(path)).contracted, x, 5)
    assert np.all(np.abs(y - network(x)) <= 2 * rounding_bound(network, x, "float64"))


@needs_compiler
@pytest.mark.parametrize("dtype", NUMBER)
@pytest.mark.parametrize("d", [1, 3])
def test_what_is_no_number_comes_out_as_in_numpy(folder, dtype, d):
    network = random_network(2, d, 4)
    functions = library(folder, special=c_source(network, "special", dtype))
    special = [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        1.0,
        np.finfo(dtype).max,
        np.finfo(dtype).smallest_subnormal,
    ]
    x = np.array(list(product(special, repeat=d)), dtype)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        expected = in_order(network, x)
    np.testing.assert_array_equal(call(functions.special, x, d), expected)
    # With several neurons, infinities of both signs meet.
    assert np.isnan(expected).any() and (d > 1 or np.isinf(expected).any())


@needs_compiler
def test_the_image_may_replace_the_point(folder):
    network = random_network(3, 4, 6)
    inplace = library(folder, inplace=c_source(network, "inplace")).inplace
    x = network.domain.uniform(10)
    y = x.copy()
    for point in y:
        inplace(*[point.ctypes.data_as(ctypes.c_void_p)] * 2)
    np.testing.assert_array_equal(y, in_order(network, x))


@needs_compiler
@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_the_first_outputs_only(folder, outputs):
    network = random_network(4, 3, 5)
    first = library(folder, first=c_source(network, "first", outputs=outputs)).first
    x = network.domain.uniform(20)
    y = call(first, x, outputs)
    np.testing.assert_array_equal(y, in_order(network, x)[:, :outputs])


@needs_compiler
@pytest.mark.parametrize("dtype", NUMBER)
def test_program(tmp_path, dtype):
    network = random_network(5, 3, 5)
    network.to_c(tmp_path / "moves.c", dtype, outputs=2)
    program = compiled(
        (tmp_path / "moves.c").read_text(encoding="utf-8"), tmp_path / "moves", "-DVANILLAFLOW_MAIN"
    )
    x = network.domain.uniform(20).astype(dtype)
    text = "\n".join("\t ".join(repr(float(number)) for number in point) for point in x)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    y = np.array([line.split(" ") for line in done.stdout.splitlines()]).astype(dtype)
    np.testing.assert_array_equal(y, in_order(network, x)[:, :2])


@needs_compiler
@pytest.mark.parametrize("text", ["1 2", "1 2 3 4", "1 2 three", "1 2 3 ,"])
def test_program_refuses_what_are_no_points(folder, text):
    program = compiled(c_source(random_network(6), "picky"), folder / "picky", "-DVANILLAFLOW_MAIN")
    done = subprocess.run([program], input=text, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr == "picky: expected points of 3 numbers\n"
    assert len(done.stdout.splitlines()) == len(text.split()) // 3 - ("three" in text)
    assert subprocess.run([program], input="", capture_output=True).returncode == 0


HOSTILE = [
    "*/ int broken = ; /*",
    "/*/ */*",
    "what??/",
    "what??????/ " * 9,
    "ends with \\",
    'quotes " and \'\'\' and """',
    "two\nlines \x1b[31m\x00",
    "\u202e left",
    "\udcff",
    "x" * 500,
]


@needs_compiler
def test_no_name_of_a_system_leaves_the_comment(folder):
    described = [
        vf.FeedforwardNetwork(
            [[[2.0]]],
            [[1.0]],
            [],
            vf.Box([-1], [1]),
            Provenance(name, 1.0, method=name, error_method=name, error=1),
        )
        for name in HOSTILE
    ]
    functions = library(folder, **{f"h{i}": c_source(net, f"h{i}") for i, net in enumerate(described)})
    for i in range(len(HOSTILE)):
        assert call(functions[f"h{i}"], np.array([[3.0]]), 1) == 7


@needs_compiler
@pytest.mark.parametrize("dtype", NUMBER)
def test_any_number_is_written_exactly(folder, dtype):
    kind = np.finfo(dtype)
    numbers = np.frombuffer(np.random.default_rng(7).bytes(kind.dtype.itemsize * 200), dtype)
    numbers = numbers[np.isfinite(numbers)]
    limits = [kind.max, kind.tiny, kind.smallest_subnormal, 0.0, -0.0, 1 / 3, 1.0, -1.0, 1024.0]
    numbers = np.append(numbers, np.array(limits, dtype))
    d = numbers.size
    network = vf.FeedforwardNetwork(
        np.diag(numbers)[None], np.zeros((1, d)), [], vf.Box(-np.ones(d), np.ones(d))
    )
    exact = library(folder, exact=c_source(network, "exact", dtype)).exact
    np.testing.assert_array_equal(call(exact, np.ones((1, d), dtype), d)[0], numbers)


def test_the_header_says_what_it_is(tmp_path):
    random_network(8).to_c(tmp_path / "told.c", outputs=2)
    head = " ".join((tmp_path / "told.c").read_text(encoding="utf-8").partition("*/")[0].split())
    for part in (
        PROVENANCE.system,
        "a duration of 1.25",
        "0.3 (found by sampling",
        "Tolerance asked for: 0.01",
        "method refine",
        f"vanillaflow {vf.__version__}",
        "width 3 with 12 leaky-ReLU layers, in float64; of its outputs, the first 2",
        "void told(const double *x, double *y);",
        "the 3 numbers of x and writes the 2 numbers of y",
    ):
        assert part in head
    random_network(8, described=False).to_c(tmp_path / "untold.c")
    head = (tmp_path / "untold.c").read_text(encoding="utf-8").partition("*/")[0]
    assert "of unrecorded origin" in head and "nothing is promised anywhere" in head


def test_it_includes_nothing_but_stdio_for_the_program():
    source = c_source(random_network(9), "alone")
    assert re.findall(r"#include.*", source) == ["#include <stdio.h>"]
    assert source.index("#ifdef VANILLAFLOW_MAIN") < source.index("#include")
    assert max(map(len, source.splitlines())) <= 110


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("pendulum.c", "pendulum"),
        ("out/flow.c", "flow"),
        ("3 body-problem.v2.c", "flow_3_body_problem_v2"),
        ("exp.c", "flow_exp"),
        ("sinf.c", "flow_sinf"),
        ("double.c", "flow_double"),
        ("main.c", "flow_main"),
        ("_Bool.c", "flow__Bool"),
        ("Schrödinger.c", "flow_Schr_dinger"),
        ("", "flow_"),
    ],
)
def test_names_of_functions(path, name):
    assert function_name_for(path) == name
    assert is_function_name(name)


@needs_compiler
@pytest.mark.parametrize(
    "stem", ["x", "u", "z", "layer", "3 body", "exp", "int", "main", "θ", "y1", "printf"]
)
def test_every_name_of_a_file_compiles(tmp_path, stem):
    random_network(10, 2, 1).to_c(tmp_path / f"{stem}.c")
    compiled((tmp_path / f"{stem}.c").read_text(encoding="utf-8"), tmp_path / "named", "-DVANILLAFLOW_MAIN")


def test_name_by_argument(tmp_path):
    random_network(11).to_c(tmp_path / "file.c", name="my_flow")
    assert "void my_flow(const double *x, double *y)\n{" in (tmp_path / "file.c").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["", "two words", "3body", "_x", "exp", "while", "main", "f()", "é", "a\n"])
def test_names_that_c_does_not_allow(tmp_path, name):
    with pytest.raises(ValueError, match="name must be an identifier of C"):
        random_network(11).to_c(tmp_path / "file.c", name=name)
    assert list(tmp_path.iterdir()) == []


def test_refusals_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got 'float16'"):
        random_network(12).to_c(tmp_path / "file.c", "float16")
    with pytest.raises(ValueError, match="outputs must be a whole number from 1 to 3, got 4"):
        random_network(12).to_c(tmp_path / "file.c", outputs=4)
    large = vf.FeedforwardNetwork([[[1.0]], [[1e39]]], np.zeros((2, 1)), [0.5])
    with pytest.raises(ValueError, match="the weights of layer 1 overflow float32"):
        large.to_c(tmp_path / "file.c", "float32")
    assert list(tmp_path.iterdir()) == []


def test_the_same_network_gives_the_same_file(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        random_network(13).to_c(tmp_path / folder / "same.c")
    assert (tmp_path / "one" / "same.c").read_bytes() == (tmp_path / "two" / "same.c").read_bytes()
