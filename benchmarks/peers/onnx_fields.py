"""The fields as ONNX nodes: for each, how to get from base and at to base + s v(at)."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from .onnx_graph import Graph, State
from .peer import Problem

# tanh of this is 1.
_SATURATED = 20.0


class Form(ABC):
    """How the state is kept, and what a field is in terms of it.

    `width` is the size of the largest tensor for a point; `least_points` is from where on this form is
    preferred to that for few points.
    """

    width: int
    least_points = 0

    def enter(self, graph: Graph, x: str) -> State:
        return (x,)

    def leave(self, graph: Graph, state: State) -> str:
        return state[0]

    @abstractmethod
    def advance(self, graph: Graph, base: State, at: State, s: float) -> State:
        """base + s v(at)."""


class Network(Form):
    """Rows; c is the direction of one more unit whose tanh is 1."""

    def __init__(self, problem: Problem):
        field = problem.ridges
        self._w, self._b, self._a = field.w.T, field.b, field.a
        if np.any(field.c):
            self._w = np.column_stack([self._w, np.zeros(field.dim)])
            self._b, self._a = np.append(self._b, _SATURATED), np.vstack([self._a, field.c])
        self.width = len(self._b)

    def advance(self, graph: Graph, base: State, at: State, s: float) -> State:
        z = graph.node("Gemm", *at, graph.constant(self._w), graph.constant(self._b))
        return (graph.node("Gemm", graph.node("Tanh", z), graph.constant(s * self._a), *base),)


class Rows(Form):
    """v = A x + f(x) B with a function f of one number: few nodes, but products with small matrices."""

    def __init__(self, problem: Problem, function: str):
        field = problem.ridges
        self._function, self._A, self._B = function, field.A.T, field.w.T @ field.a
        self.width = problem.dim

    def advance(self, graph: Graph, base: State, at: State, s: float) -> State:
        f = graph.node(self._function, *at)
        if base == at:
            moved = graph.node("MatMul", *at, graph.constant(np.eye(len(self._A)) + s * self._A))
        else:
            moved = graph.node("Gemm", *at, graph.constant(s * self._A), *base)
        return (graph.node("Gemm", f, graph.constant(s * self._B), moved),)


class Pendulum(Form):
    """Angles and speeds apart, as rows: a number times a column is slow."""

    least_points = 200

    def __init__(self, problem: Problem):
        self._damping = -problem.ridges.A[1, 1]
        self.width = 1

    def enter(self, graph: Graph, x: str) -> State:
        return tuple(graph.nodes("Split", 2, graph.node("Transpose", x), axis=0, num_outputs=2))

    def leave(self, graph: Graph, state: State) -> str:
        return graph.node("Transpose", graph.node("Concat", *state, axis=0))

    def advance(self, graph: Graph, base: State, at: State, s: float) -> State:
        angle = graph.node("Add", base[0], graph.node("Mul", at[1], graph.constant(s)))
        pull = graph.node(
            "Add", graph.node("Sin", at[0]), graph.node("Mul", at[1], graph.constant(self._damping))
        )
        return angle, graph.node("Sub", base[1], graph.node("Mul", pull, graph.constant(s)))


class Hopfield(Form):
    """Columns: (3, n)."""

    least_points = 200

    def __init__(self, problem: Problem):
        self._W = problem.ridges.a.T @ problem.ridges.w
        self.width = problem.dim

    def enter(self, graph: Graph, x: str) -> State:
        return (graph.node("Transpose", x),)

    def leave(self, graph: Graph, state: State) -> str:
        return graph.node("Transpose", *state)

    def advance(self, graph: Graph, base: State, at: State, s: float) -> State:
        push = graph.node("MatMul", graph.constant(s * self._W), graph.node("Tanh", *at))
        if base == at:
            left = graph.node("Mul", *at, graph.constant(1 - s))
        else:
            left = graph.node("Sub", *base, graph.node("Mul", *at, graph.constant(s)))
        return (graph.node("Add", push, left),)


class AllenCahn(Form):
    """Rows; a product with the matrix of second differences, since slices and sums cost more than it does."""

    def __init__(self, problem: Problem):
        self._A = problem.ridges.A
        self.width = problem.dim

    def advance(self, graph: Graph, base: State, at: State, s: float) -> State:
        cube = graph.node("Mul", graph.node("Mul", *at, *at), *at)
        if base == at:
            return (
                graph.node("Gemm", *at, graph.constant(np.eye(len(self._A)) + s * self._A), cube, beta=-s),
            )
        moved = graph.node("Gemm", *at, graph.constant(s * self._A), cube, beta=-s)
        return (graph.node("Add", moved, *base),)


def few_points_form(problem: Problem) -> Form:
    forms = {
        "network": Network,
        "pendulum": lambda problem: Rows(problem, "Sin"),
        "hopfield": lambda problem: Rows(problem, "Tanh"),
        "allen_cahn": AllenCahn,
    }
    return forms[problem.form](problem)


def many_points_form(problem: Problem) -> Form:
    forms = {"network": Network, "pendulum": Pendulum, "hopfield": Hopfield, "allen_cahn": AllenCahn}
    return forms[problem.form](problem)
