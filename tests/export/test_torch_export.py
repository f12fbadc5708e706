"""to_torch: plain modules that compute what the network computes."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from random_objects import random_network, rounding_bound
from vanillaflow.network.dialects import DIALECTS

torch = pytest.importorskip("torch")


def evaluate(module, x):
    with torch.no_grad():
        return module(torch.from_numpy(x)).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), d=st.integers(1, 8), depth=st.integers(0, 30))
def test_agrees_to_rounding(dialect, dtype, seed, d, depth):
    network = random_network(seed, d, depth, dialect=dialect)
    x = network.domain.uniform(200, seed).astype(dtype)
    y = evaluate(network.to_torch(dtype), x)
    assert y.dtype == dtype
    reference = network(x.astype(np.float64))
    assert np.all(np.abs(y - reference) <= rounding_bound(network, x.astype(np.float64), dtype))
    if dtype == "float64":
        assert np.abs(y - reference).max() <= 1e-9


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_agrees_with_onnx_runtime(dtype, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    network = random_network(1, d=4, depth=40)
    network.to_onnx(tmp_path / "file", dtype)
    x = network.domain.uniform(1000).astype(dtype)
    y = runtime.InferenceSession(str(tmp_path / "file")).run(None, {"x": x})[0]
    # Each is within the bound of the exact value.
    bound = 2 * rounding_bound(network, x.astype(np.float64), dtype)
    assert np.all(np.abs(evaluate(network.to_torch(dtype), x) - y) <= bound)


@pytest.mark.parametrize(
    ("dialect", "kind"),
    [("leaky_relu", torch.nn.LeakyReLU), ("prelu", torch.nn.PReLU), ("relu", torch.nn.ReLU)],
)
def test_only_linear_and_one_activation(dialect, kind):
    module = random_network(2, depth=4, dialect=dialect).to_torch()
    assert type(module) is torch.nn.Sequential
    assert [type(m) for m in module] == [torch.nn.Linear, kind] * 4 + [torch.nn.Linear]
    assert not any(m.training for m in module.modules())
    assert all(p.requires_grad and p.dtype == torch.float32 for p in module.parameters())


def test_float64_numbers_are_exact():
    network = random_network(3, depth=4)
    module = network.to_torch("float64")
    assert np.array_equal(np.stack([m.weight.detach().numpy() for m in module[::2]]), network.weights)
    assert np.array_equal(np.stack([m.bias.detach().numpy() for m in module[::2]]), network.biases)
    assert [m.negative_slope for m in module[1::2]] == network.slopes.tolist()
    prelu = random_network(3, depth=4, dialect="prelu")
    slopes = [m.weight.detach().numpy() for m in prelu.to_torch("float64")[1::2]]
    assert np.array_equal(np.stack(slopes), prelu.slopes)


def test_random_state_is_untouched_and_parameters_are_not_shared():
    network = random_network(4)
    before = torch.get_rng_state()
    module = network.to_torch("float64")
    assert torch.equal(torch.get_rng_state(), before)
    with torch.no_grad():
        module[0].weight.zero_()
    assert np.any(network.weights[0])


def test_overflow_names_the_layer():
    network = vf.FeedforwardNetwork([[[1.0]], [[1e39]]], np.zeros((2, 1)), [0.5])
    with pytest.raises(ValueError, match="the weights of layer 1 overflow float32; export as float64"):
        network.to_torch()


def test_unknown_dtype():
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got 'bfloat16'"):
        random_network(5).to_torch("bfloat16")


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(vf.VanillaflowError, match=r'pip install "vanillaflow\[torch\]"'):
        random_network(6).to_torch()
