"""A ReLU network as PyTorch and ONNX Runtime run it, and the faster of the two."""

from __future__ import annotations

from time import perf_counter

import numpy as np
import torch
from torch.nn import functional

from .blocks import in_blocks
from .onnx_graph import Graph
from .onnx_rk4 import session
from .peer import Points, Problem, Run
from .problems import batch

# Weights (out, in) and biases of every layer.
Layers = list[tuple[np.ndarray, np.ndarray]]

# Numbers in the largest intermediate result of a block of points.
_BLOCK = 2**19
# The number of points that divides few from many, and where the two are compared.
_MANY, _COMPARED_AT, _REPEATS = 500, (1, 8192), 7


def fastest(layers: Layers, problem: Problem) -> Run:
    """For few and for many points, whichever of the two runs them faster."""
    width = max(len(b) for _, b in layers)
    runs = [in_blocks(run, _BLOCK // width) for run in (_in_torch(layers), _in_onnx(layers))]
    few, many = (min(runs, key=lambda run: _seconds(run, batch(problem, n))) for n in _COMPARED_AT)
    return lambda x: (few if len(x) < _MANY else many)(x)


def _in_torch(layers: Layers) -> Run:
    *hidden, last = [tuple(map(torch.from_numpy, layer)) for layer in layers]

    @torch.inference_mode()
    def run(x: Points) -> Points:
        # Neither input nor output is copied.
        h = torch.from_numpy(x)
        for W, b in hidden:
            h = functional.linear(h, W, b).relu_()
        return functional.linear(h, *last).numpy()

    return run


def _in_onnx(layers: Layers) -> Run:
    graph = Graph(layers[0][0].shape[1])
    h = graph.input
    for i, (W, b) in enumerate(layers):
        h = graph.node("Gemm", h, graph.constant(W.T), graph.constant(b))
        if i < len(layers) - 1:
            h = graph.node("Relu", h)
    return session(graph.model(h))


def _seconds(run: Run, x: Points) -> float:
    times = []
    for _ in range(_REPEATS):
        begun = perf_counter()
        run(x)
        times.append(perf_counter() - begun)
    return min(times)
