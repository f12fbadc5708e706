"""The Python module: the network's own numbers and operations, readable, with nothing but NumPy."""

import ast
import importlib.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from random_objects import PROVENANCE, random_network, rounding_bound
from vanillaflow.export.numpy_module import numpy_source
from vanillaflow.provenance import Provenance


def module(source):
    """The module that the source is, run."""
    namespace = importlib.util.module_from_spec(importlib.util.spec_from_loader("written", loader=None))
    exec(compile(source, "written.py", "exec"), namespace.__dict__)  # noqa: S102 - just written by us
    return namespace


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    d=st.integers(1, 8),
    depth=st.integers(0, 20),
    dtype=st.sampled_from(["float64", "float32"]),
)
def test_agrees_to_rounding(seed, d, depth, dtype):
    network = random_network(seed, d, depth)
    written = module(numpy_source(network, dtype))
    x = network.domain.uniform(100, seed).astype(dtype)
    y = written.flow(x)
    assert y.dtype == dtype and y.shape == x.shape
    x = x.astype(np.float64)
    bound = rounding_bound(network, x, dtype) + rounding_bound(network, x, "float64")
    assert np.all(np.abs(y - network(x)) <= bound)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(0, 5), st.sampled_from(["float64", "float32"])
)
def test_its_numbers_are_those_of_the_network(seed, d, depth, dtype):
    network = random_network(seed, d, depth)
    layers = module(numpy_source(network, dtype)).ARRAYS
    assert len(layers) == depth + 1
    for (W, b, slope), *expected in zip(layers, network.weights, network.biases, [*network.slopes, 1.0]):
        for part, value in zip((W, b, slope), expected):
            assert part.dtype == dtype and part.shape == np.shape(value)
            np.testing.assert_array_equal(part, np.asarray(value).astype(dtype))


def test_any_float32_survives_its_decimals():
    bits = np.random.default_rng(0).integers(0, 2**32, 4000, dtype=np.uint32)
    limits = np.array([np.finfo(np.float32).max, np.finfo(np.float32).smallest_subnormal, -0.0], np.float32)
    numbers = np.append(bits.view(np.float32), limits)
    numbers = numbers[np.isfinite(numbers)]
    network = vf.FeedforwardNetwork(
        numbers[:, None, None], np.zeros((numbers.size, 1)), np.ones(numbers.size - 1)
    )
    layers = module(numpy_source(network, "float32")).ARRAYS
    assert np.array([W for W, _, _ in layers]).tobytes() == numbers.tobytes()


def test_the_first_outputs_only():
    network = random_network(1, 4, 6)
    x = network.domain.uniform(50)
    y = module(numpy_source(network, outputs=2)).flow(x)
    assert y.shape == (50, 2)
    assert np.all(np.abs(y - network(x)[:, :2]) <= 2 * rounding_bound(network, x, "float64")[:, :2])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_is_no_number_comes_out_as_from_the_network():
    network = random_network(2, 3, 4)
    special = [np.nan, np.inf, -np.inf, 0.5]
    x = np.array([[a, b, c] for a in special for b in special for c in special])
    np.testing.assert_allclose(module(numpy_source(network)).flow(x), network(x), rtol=1e-12)


def test_no_points():
    assert module(numpy_source(random_network(3))).flow(np.zeros((0, 3))).shape == (0, 3)


def test_wrong_points_are_refused():
    with pytest.raises(ValueError, match="matmul"):
        module(numpy_source(random_network(3))).flow(np.zeros((5, 2)))


def test_it_is_short_and_imports_numpy_only():
    source = numpy_source(random_network(4, 3, 5))
    tree = ast.parse(source)
    kinds = [type(statement).__name__ for statement in tree.body]
    assert kinds == ["Expr", "Import", "Assign", "Assign", "FunctionDef"]
    assert source.count("import") == 1 and "import numpy as np" in source
    assert isinstance(ast.literal_eval(tree.body[2].value), list)
    code = [line for line in source.partition("]\nARRAYS")[2].splitlines() if line.strip()]
    assert len(code) <= 12
    assert max(map(len, source.splitlines())) <= 110


def test_its_docstring_says_what_it_is():
    told = " ".join(ast.get_docstring(ast.parse(numpy_source(random_network(5), outputs=2))).split())
    for part in (
        PROVENANCE.system,
        "a duration of 1.25",
        "0.3 (found by sampling",
        "Tolerance asked for: 0.01",
        "method refine",
        f"vanillaflow {vf.__version__}",
        "width 3 with 12 leaky-ReLU layers, in float64; of its outputs, the first 2",
    ):
        assert part in told
    assert "of unrecorded origin" in numpy_source(random_network(5, described=False))


@pytest.mark.parametrize(
    "name",
    ['"""\nimport os\n"""', "ends with \\", '"' * 7, "\\x41 \\N{nothing} \\", "nul \0 \x1b", "\udcff", "θ"],
)
def test_no_name_of_a_system_leaves_the_docstring(name, tmp_path):
    network = vf.FeedforwardNetwork([[[2.0]]], [[1.0]], [], provenance=Provenance(name, 1.0, method=name))
    network.to_numpy(tmp_path / "named.py")
    source = (tmp_path / "named.py").read_text(encoding="utf-8")
    written = module(source)
    assert written.flow(np.array([[3.0]])) == [[7.0]]
    assert [type(s).__name__ for s in ast.parse(source).body].count("Import") == 1
    if name.isprintable():
        assert name in " ".join(written.__doc__.split())


def test_refusals_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got 'float16'"):
        random_network(6).to_numpy(tmp_path / "file.py", "float16")
    with pytest.raises(ValueError, match="outputs must be a whole number from 1 to 3, got 0"):
        random_network(6).to_numpy(tmp_path / "file.py", outputs=0)
    assert list(tmp_path.iterdir()) == []


def test_the_same_network_gives_the_same_file(tmp_path):
    for name in ("one.py", "two.py"):
        random_network(7).to_numpy(tmp_path / name)
    assert (tmp_path / "one.py").read_bytes() == (tmp_path / "two.py").read_bytes()
