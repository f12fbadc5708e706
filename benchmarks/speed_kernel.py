"""The kernel beside the machine: what part of the multiply-adds it could do, and of a loop over points.

The peak is that of chains of multiply-adds in registers, independent of one another and enough to fill the
pipelines, measured in turns with the kernel. A planar map counts as 2 d multiply-adds to a point; its
comparison with zero and the loads and stores of points are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from vanillaflow.planar.flow import PlanarFlow
from vanillaflow.runtime.threads import own_threads, side_by_side
from vanillaflow.runtime.vectors import BYTES, Vectors

_CHAINS, _LENGTH = 12, 200_000
_REPEATS = 31


@intrinsic
def _chains(typingctx, numbers, length, chains):
    many = chains.count

    def codegen(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        v = Vectors(context, builder, signature.args[0].dtype)
        places = [builder.gep(array.data, [v.index(i * v.lanes)]) for i in range(many)]
        values = [v.variable(v.load(place)) for place in places]
        factor = builder.load(values[0])
        with cgutils.for_range(builder, arguments[1]):
            for value in values:
                builder.store(v.added_product(factor, builder.load(value), factor), value)
        for place, value in zip(places, values):
            v.store(builder.load(value), place)
        return context.get_dummy_value()

    return types.void(numbers, length, chains), codegen


@njit(nogil=True)
def _multiply_and_add(numbers, length, chains):
    _chains(numbers, length, chains)


@njit(nogil=True)
def _point_by_point(x, y, a, w, t):
    """What one writes first: every point by itself, a branch for each kink."""
    d = x.shape[1]
    for q in range(len(x)):
        for i in range(d):
            y[q, i] = x[q, i]
        for k in range(len(t)):
            z = -t[k]
            for i in range(d):
                z += w[k, i] * y[q, i]
            if z > 0:
                for i in range(d):
                    y[q, i] += a[k, i] * z


def seconds_of(tasks: dict[str, Callable[[], object]], repeats: int = _REPEATS) -> dict[str, float]:
    """The median seconds of each, called in turns after one call that may compile."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for task in tasks.values():
        task()
    for _ in range(repeats):
        for name, task in tasks.items():
            begun = perf_counter()
            task()
            times[name].append(perf_counter() - begun)
    return {name: median(of_task) for name, of_task in times.items()}


def random_flow(kinks: int, d: int, seed: int = 0) -> PlanarFlow:
    """Planar maps in random directions that each move a point a little."""
    rng = np.random.default_rng(seed)
    w, a = rng.standard_normal((2, kinks, d))
    return PlanarFlow(a * 0.3 / max(kinks, 1), w, rng.uniform(-1, 1, kinks))


def kernel_line(flow: PlanarFlow, n: int, dtype: type, threads: int) -> dict[str, float]:
    """Multiply-adds a second of the kernel and of the machine, and how many times as long a loop takes."""
    x = np.random.default_rng(1).uniform(-1, 1, (n, flow.dim)).astype(dtype)
    out = np.empty_like(x)
    a, w, t = (part.astype(dtype) for part in (flow.a, flow.w, flow.t))
    width = BYTES // x.itemsize
    numbers = [np.full(_CHAINS * width, 0.5, dtype) for _ in range(threads)]
    chains = (0,) * _CHAINS

    def peak() -> None:
        side_by_side([lambda one=one: _multiply_and_add(one, _LENGTH, chains) for one in numbers])

    with own_threads(threads):
        taken = seconds_of(
            {
                "peak": peak,
                "kernel": lambda: flow(x, out=out),
                "copy": lambda: np.copyto(out, x),
                "loop": lambda: _point_by_point(x, out, a, w, t),
            }
        )
    return {
        "kinks": flow.kinks,
        "peak": threads * _CHAINS * width * _LENGTH / taken["peak"] / 1e9,
        "kernel": 2 * flow.dim * flow.kinks * n / taken["kernel"] / 1e9,
        "traffic": 2 * x.nbytes / taken["kernel"] / 1e9,
        "copy": 2 * x.nbytes / taken["copy"] / 1e9,
        "loop": taken["loop"] / taken["kernel"],
    }
