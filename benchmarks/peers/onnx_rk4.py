"""Runge's fourth-order method unrolled into an ONNX graph, run by ONNX Runtime in float32 on both cores.

With stages X2 = X + h/2 v(X), X3 = X + h/2 v(X2), X4 = X + h v(X3), a step ends at
(X2 + 2 X3 + X4 - X) / 3 + h/6 v(X4). So all it needs of a field is base + s v(at) for some number s, into
whose weights s can be multiplied.
"""

from __future__ import annotations

import onnxruntime

from .blocks import in_blocks
from .onnx_fields import Form, few_points_form, many_points_form
from .onnx_graph import Graph, State
from .peer import STEPS, Peer, Points, Problem, Run

# Numbers in the largest intermediate result of a block of points, so that it stays in the cache.
_BLOCK = 2**19
_THREADS = 2


class OnnxRK4(Peer):
    name = "ONNX Runtime RK4"
    packages = ("onnxruntime", "onnx")

    def ladder(self, problem: Problem) -> tuple[int, ...]:
        return STEPS

    def build(self, problem: Problem, setting: int) -> Run:
        few = few_points_form(problem)
        many = many_points_form(problem)
        run_few = session(unrolled(few, problem, setting))
        run_many = run_few if many is few else session(unrolled(many, problem, setting))

        return in_blocks(
            lambda x: (run_few if len(x) < many.least_points else run_many)(x), _BLOCK // many.width
        )


def unrolled(form: Form, problem: Problem, steps: int) -> bytes:
    """The model: its input and output are x and y, (n, d) float32 with any n."""
    graph = Graph(problem.dim)
    h = problem.duration / steps
    X = form.enter(graph, graph.input)
    for _ in range(steps):
        X2 = form.advance(graph, X, X, h / 2)
        X3 = form.advance(graph, X, X2, h / 2)
        X4 = form.advance(graph, X, X3, h)
        X = form.advance(graph, _base(graph, X, X2, X3, X4), X4, h / 6)
    return graph.model(form.leave(graph, X))


def _base(graph: Graph, *stages: State) -> State:
    """(X2 + 2 X3 + X4 - X) / 3, for every tensor of the state."""
    third = graph.constant(1 / 3)

    def base(x: str, x2: str, x3: str, x4: str) -> str:
        outer = graph.node("Sub", graph.node("Add", x2, x4), x)
        return graph.node("Mul", graph.node("Add", graph.node("Add", x3, x3), outer), third)

    return tuple(base(*of_one) for of_one in zip(*stages))


def session(model: bytes) -> Run:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    options.inter_op_num_threads = 1
    runtime = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def run(x: Points) -> Points:
        # Neither input nor output is copied.
        return runtime.run(None, {"x": x})[0]

    return run
