"""Files in the hands of others: Marabou bounds them, onnx2torch reads them. The extra `verify` has both."""

import importlib
import sys
from functools import cache

import numpy as np
import pytest
import torch

from vanillaflow import FeedforwardNetwork
from zoo_cases import compiled

# What a verifier's floating-point simplex tableau loses, at numbers of order one.
SLACK = 1e-4
# What is declared for torch stays so as long as it is referred to.
DECLARED: list[torch.library.Library] = []


def extremes(network: FeedforwardNetwork, output: int) -> tuple[float, float]:
    values = network(network.domain.sample(20_000, 0))[:, output]
    return float(values.min()), float(values.max())


@pytest.mark.parametrize("dialect", ["relu", "leaky_relu"])
def test_marabou_reads_and_bounds(dialect, tmp_path):
    """No input reaches an output beyond what the network reaches; some input reaches what it does."""
    marabou = pytest.importorskip("maraboupy.Marabou", reason="maraboupy is not installed (extra verify)")
    core = pytest.importorskip("maraboupy.MarabouCore")
    network = compiled("pendulum").to_network(dialect)
    path = tmp_path / "pendulum.onnx"
    network.to_onnx(path)
    _, high = extremes(network, 0)

    def solve(least: float) -> tuple[str, dict[int, float]]:
        query = marabou.read_onnx(str(path))
        inputs, outputs = query.inputVars[0].ravel(), query.outputVars[0].ravel()
        assert inputs.size == outputs.size == 2
        for variable, low, top in zip(inputs, network.domain.low, network.domain.high):
            query.setLowerBound(variable, low)
            query.setUpperBound(variable, top)
        query.setLowerBound(outputs[0], least)
        options = marabou.createOptions(verbosity=0, timeoutInSeconds=60)
        code, values, _ = query.solve(verbose=False, options=options)
        return code, {"x": [values[v] for v in inputs], "y": values[outputs[0]]} if values else {}

    # The maximum of a piecewise-linear function is at a vertex, a little beyond what sampling finds.
    code, _ = solve(high + 0.1)
    assert code == "unsat"
    code, found = solve(high - 0.1)
    assert code == "sat"
    y = network(np.array([found["x"]]))[0, 0]
    assert y == pytest.approx(found["y"], abs=SLACK) and y >= high - 0.1 - SLACK
    assert core is not None


@cache
def imported_onnx2torch():
    """It imports torchvision. One that was built for another torch, with CUDA and without say, misses its own
    compiled operators, and its import fails for want of two, which no network here has: so they are declared.
    """
    try:
        return pytest.importorskip("onnx2torch", reason="onnx2torch is not installed (extra verify)")
    except RuntimeError:
        DECLARED.append(torch.library.Library("torchvision", "FRAGMENT"))
        for operator in ("nms", "qnms"):
            DECLARED[-1].define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for name in [name for name in sys.modules if name.startswith(("torchvision", "onnx2torch"))]:
            del sys.modules[name]
        return importlib.import_module("onnx2torch")


@pytest.mark.parametrize("dialect", ["relu", "leaky_relu"])
@pytest.mark.parametrize("name", ["pendulum", "hopfield"])
def test_onnx2torch_reads(name, dialect, tmp_path):
    onnx2torch = imported_onnx2torch()
    network = compiled(name).to_network(dialect)
    path = tmp_path / "net.onnx"
    network.to_onnx(path)
    x = network.domain.sample(500, 1)
    with torch.no_grad():
        y = onnx2torch.convert(str(path))(torch.tensor(x, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(y, network(x), rtol=0, atol=1e-4)
