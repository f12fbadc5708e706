"""Attacks on rigorous certificates: ranges of numbers, tampered checkpoints, targets that lie.

A bound is bad if the network, in ONNX Runtime, is farther from the flow at some point; a checkpoint that was
tampered with, if the proof goes on from it as if nothing had been; a lie, if it is certified.

    python benchmarks/attack_rigorous.py [SECONDS] [SEED]
"""

from __future__ import annotations

import json
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime as ort
import safetensors.numpy

import vanillaflow as vf
from vanillaflow.enclosures.checkpoint import Checkpoint
from vanillaflow.files.checksum import checksum

Row = tuple[str, int, int]
# Each kind of attack has this part of the time.
_PARTS = {"networks": 0.6, "checkpoints": 0.25, "lies": 0.15}
_KEY = "vanillaflow.proof"


def run(seconds: float, seed: int) -> list[Row]:
    """What was tried, how many times, and how many of them were bad."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        return [
            *networks(seconds * _PARTS["networks"], rng, Path(folder)),
            *checkpoints(seconds * _PARTS["checkpoints"], rng, Path(folder)),
            *lies(seconds * _PARTS["lies"], rng),
        ]


# Networks


def networks(seconds: float, rng: np.random.Generator, folder: Path) -> list[Row]:
    """Random networks whose neurons have scales from 1e-42 to 1e38: their bounds against their files."""
    end, rows = perf_counter() + seconds, {}
    while perf_counter() < end:
        dtype = ("float32", "float64")[int(rng.integers(2))]
        target, network = decay(int(rng.integers(1, 4)), rng), None
        while network is None:
            cancelling = rng.random() < 0.5
            network = (cancelling_network if cancelling else random_network)(target, dtype, rng)
        bound, error = bound_and_error(network, target, dtype, folder, rng)
        for what in (f"{dtype} networks", f"{dtype} networks with a finite bound"):
            tried, bad = rows.get(what, (0, 0))
            if np.isfinite(bound) or what.endswith("networks"):
                rows[what] = tried + 1, bad + int(np.isfinite(bound) and not error <= bound)
    return [(f"bounds of {what} below the error in ONNX Runtime", *counts) for what, counts in rows.items()]


def decay(dim: int, rng: np.random.Generator) -> vf.FlowMap:
    """x' = A x on a box, with a flow that is known to all digits."""
    A = -np.diag(rng.uniform(0, 1, dim))
    field = vf.RidgeField(np.zeros((0, dim)), np.zeros((0, dim)), np.zeros(0), [], A)
    return vf.FlowMap(field, 0.5, vf.Box(-np.ones(dim), np.ones(dim)))


def random_network(target: vf.FlowMap, dtype: str, rng: np.random.Generator) -> vf.FeedforwardNetwork | None:
    """A network of ordinary size, in which the neurons' scales were changed: what one layer multiplies by,
    the next divides by. None if a number overflows."""
    domain, d, depth = target.domain, target.dim, int(rng.integers(1, 7))
    dialect = str(rng.choice(["leaky_relu", "prelu", "relu"]))
    n = d + int(rng.integers(1, 4)) if dialect == "relu" else d
    shapes = [(n, d), *[(n, n)] * (depth - 1), (d, n)]
    weights = [rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes]
    biases = [rng.normal(size=shape[0]) for shape in shapes]
    # Some single numbers of any size, too.
    for array in (*weights, *biases):
        odd = rng.random(array.shape) < 0.1
        array[odd] *= 10.0 ** rng.uniform(-42, 2, int(odd.sum()))
    widest = float(rng.choice([5, 20, 38, 42]))
    for layer in range(depth):
        scale = 10.0 ** rng.uniform(-widest, min(widest, 38.4), n)
        weights[layer], biases[layer] = weights[layer] * scale[:, None], biases[layer] * scale
        weights[layer + 1] = weights[layer + 1] / scale
    most = float(np.finfo(dtype).max)
    if any(np.abs(array).max() >= most for array in (*weights, *biases)):
        return None
    if dialect == "relu":
        slopes = np.zeros(depth)
    else:
        slopes = 10.0 ** -rng.uniform(
            0, 40 if rng.random() < 0.3 else 2, (depth, n)[: 1 + (dialect == "prelu")]
        )
    return vf.FeedforwardNetwork(weights, biases, slopes, domain=domain, dialect=dialect)


def cancelling_network(target: vf.FlowMap, dtype: str, rng: np.random.Generator) -> vf.FeedforwardNetwork:
    """The exact flow plus a multiple of relu(x_1 - t) - relu(x_1 - t), of which the first goes through powers
    of 2 whose product is 1: in real numbers that is nothing, but on the way it may under- or overflow."""
    d, depth = target.dim, int(rng.integers(3, 8))
    widest = 126 if dtype == "float32" else 1000
    powers = rng.integers(-widest, widest + 1, depth - 1)
    # The last ones make up for what the others leave.
    for i in range(depth - 1):
        rest = -int(powers.sum())
        powers[i] = np.clip(powers[i] + rest, -widest, widest)
    rng.shuffle(powers)
    n, decay, times = d + 2, np.exp(target.duration * np.diag(target.field.A)), 10.0 ** rng.uniform(-3, 1)
    first = np.zeros((n, d))
    first[:d], first[d:, 0] = np.eye(d), 1.0
    last = np.zeros((d, n))
    last[:, :d], last[0, d:] = np.diag(decay), (times, -times)
    weights = [first, *(np.diag([*np.ones(d), 2.0**p, 1.0]) for p in powers), last]
    shift = -np.round(rng.uniform(-0.9, 0.9), 4)
    biases = [np.array([3.0] * d + [shift] * 2), *np.zeros((depth - 1, n)), -3 * decay]
    return vf.FeedforwardNetwork(weights, biases, np.zeros(depth), domain=target.domain, dialect="relu")


def bound_and_error(
    network: vf.FeedforwardNetwork, target: vf.FlowMap, dtype: str, folder: Path, rng: np.random.Generator
) -> tuple[float, float]:
    """What is proved, and the largest error of the file in ONNX Runtime that a search finds."""
    path = folder / "network.onnx"
    network.to_onnx(path, dtype=dtype)
    session = ort.InferenceSession(str(path))
    exact = np.exp(target.duration * np.diag(target.field.A))

    def errors(x: np.ndarray) -> np.ndarray:
        found = session.run(None, {"x": x.astype(dtype)})[0].astype(np.float64)
        off = np.abs(found - x * exact)
        return np.where(np.isnan(off), np.inf, off).max(axis=1)

    certificate = vf.certify(
        network, target, "rigorous", dtype=dtype, max_cells=300, seed=int(rng.integers(99))
    )
    box = target.domain
    x = np.concatenate(
        [box.uniform(2000, int(rng.integers(2**31))), box.corners(), certificate.worst_point[None]]
    )
    for shrink in range(12):
        best = x[np.argsort(-errors(x))[:20]]
        near = best[:, None] + 0.3 * 0.4**shrink * rng.normal(size=(len(best), 20, box.dim))
        x = np.concatenate([best, box.clip(near.reshape(-1, box.dim))])
    return certificate.bound, float(errors(x).max())


# Checkpoints


def checkpoints(seconds: float, rng: np.random.Generator, folder: Path) -> list[Row]:
    """Proofs that go on from a checkpoint in which something was changed, with a checksum that fits."""
    end, counts = perf_counter() + seconds, {}
    target = vf.zoo.pendulum().target()
    flow = vf.PlanarFlow.identity(2, target.domain)
    path, goal = folder / "proof.part", 2.21
    whole = vf.certify(flow, target, "rigorous", goal=goal)
    contents = [stopped(flow, target, goal, path, stage) for stage in ("patches", "cells")]
    while perf_counter() < end:
        content = contents[int(rng.integers(2))]
        what, changed = tampered(content, rng)
        path.write_bytes(changed)
        tried, bad = counts.get(what, (0, 0))
        try:
            found = vf.certify(flow, target, "rigorous", goal=goal, checkpoint=path)
            # Where nothing that matters was changed, it goes on to the same end.
            wrong = found.bound < whole.largest or found.bound != whole.bound
        except vf.FileFormatError as error:
            wrong = str(path) not in str(error)
        counts[what] = tried + 1, bad + wrong
    return [(f"checkpoints with {what} accepted", *pair) for what, pair in counts.items()]


def stopped(flow: vf.PlanarFlow, target: vf.FlowMap, goal: float, path: Path, stage: str) -> bytes:
    """The file of a proof that was interrupted in that stage."""

    class Stop(Exception):
        pass

    offer, count = Checkpoint.offer, 0

    def stopping(self: Checkpoint, name: str, arrays: Callable[[], dict[str, np.ndarray]]) -> None:
        nonlocal count
        offer(self, name, arrays)
        count += name == stage
        if count == 1 + (stage == "cells"):
            raise Stop

    Checkpoint.offer = stopping  # type: ignore[method-assign]
    try:
        vf.certify(flow, target, "rigorous", goal=goal, checkpoint=path)
    except Stop:
        return path.read_bytes()
    finally:
        Checkpoint.offer = offer  # type: ignore[method-assign]
    raise RuntimeError(f"the proof ended before the stage {stage}")


def tampered(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """What was changed, and the file with it."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"][_KEY])
    arrays = {name: array.copy() for name, array in safetensors.numpy.load(content).items()}
    header.pop("sha256")
    names = sorted(name for name, array in arrays.items() if array.size)
    name = names[int(rng.integers(len(names)))]
    array = arrays[name]
    place = tuple(int(rng.integers(n)) for n in array.shape)
    ways: dict[str, Callable[[], object]] = {
        "one number halved": lambda: array.__setitem__(place, array[place] // 2 - 3),
        "an array halved": lambda: arrays.__setitem__(name, (0.5 * array).astype(array.dtype) - 1),
        "an array of NaN": lambda: arrays.__setitem__(name, np.full(array.shape, np.nan)),
        "half of an array": lambda: arrays.__setitem__(name, array[: len(array) // 2]),
        "an array of another type": lambda: arrays.__setitem__(name, array.astype(np.float32)),
        "an array left out": lambda: arrays.pop(name),
        "all cells but one": lambda: arrays.update(
            {n: a[1:] for n, a in arrays.items() if n.startswith(("cells.", "todo."))}
        ),
        "bounds of 0": lambda: arrays.update(
            {n: 0 * a for n, a in arrays.items() if n.endswith(("bounds", "rest"))}
        ),
        "another stage": lambda: header.update(stage="cells" if header["stage"] == "patches" else "patches"),
        "another proof": lambda: header.update(proof=header["proof"].replace("0", "1", 1)),
    }
    what = list(ways)[int(rng.integers(len(ways)))]
    ways[what]()
    header["sha256"] = checksum(header, arrays)
    tensors = {n: np.ascontiguousarray(a) for n, a in arrays.items()}
    return what, safetensors.numpy.save(tensors, {_KEY: json.dumps(header)})


# Lies


class LyingMap(vf.FlowMap):
    def __call__(self, x: np.ndarray) -> np.ndarray:
        return super().__call__(x) + 5


class LyingRidges(vf.RidgeField):
    def __call__(self, t: float, x: np.ndarray) -> np.ndarray:
        return 100 + 0 * x


class LyingLayers(vf.LayeredField):
    def __call__(self, t: float, x: np.ndarray) -> np.ndarray:
        return super().__call__(t, x) + t


class LyingPieces(vf.PiecewiseField):
    def __call__(self, t: float, x: np.ndarray) -> np.ndarray:
        return super().__call__(t, x) * (1 + t)


class LyingFlow(vf.PlanarFlow):
    def __call__(self, x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return super().__call__(x) + 1


class LyingNetwork(vf.FeedforwardNetwork):
    def __call__(self, x: np.ndarray) -> np.ndarray:
        return super().__call__(x) + 1


def lies(seconds: float, rng: np.random.Generator) -> list[Row]:
    """Targets, fields and networks whose calls are not what their data say."""
    end, tried, bad = perf_counter() + seconds, 0, 0
    while perf_counter() < end:
        for flow, target in liars(rng):
            tried += 1
            try:
                certificate = vf.certify(flow, target, "rigorous", max_cells=200)
                bad += 1
                print("certified:", type(flow), type(target.field), certificate.statement, file=sys.stderr)
            except vf.VanillaflowError:
                pass
    return [("calls that are not what their data say certified", tried, bad)]


def liars(rng: np.random.Generator) -> Iterator[tuple[vf.PlanarFlow | vf.FeedforwardNetwork, vf.FlowMap]]:
    box, size = vf.Box([-1, -1], [1, 1]), 10.0 ** rng.uniform(-3, 2)
    numbers = rng.normal(size=(2, 3, 2))
    ridges = (numbers[0], numbers[1], rng.normal(size=3), "tanh")
    honest, still = vf.RidgeField(*ridges), vf.PlanarFlow.identity(2, box)
    layers = ([numbers[0], numbers[1].T], [np.zeros(3), np.zeros(2)], "tanh")
    yield still, LyingMap(honest, 0.5, box)
    yield still, vf.FlowMap(LyingRidges(*ridges), 0.5, box)
    yield still, vf.FlowMap(LyingLayers(*layers), 0.5, box)
    yield still, vf.FlowMap(LyingPieces([honest, honest], [0.25]), 0.5, box)
    yield still, vf.FlowMap(vf.PiecewiseField([honest, LyingRidges(*ridges)], [0.25]), 0.5, box)
    target = vf.FlowMap(honest, 0.5, box)
    yield LyingFlow(still.a, still.w, still.t, still.stops, still.M, still.m, domain=box), target
    network = still.to_network("relu")
    yield LyingNetwork(network.weights, network.biases, network.slopes, box, dialect="relu"), target
    # Functions of one's own with a formula that is not theirs.
    formula = vf.from_equations({"x": "exp(-x**2)", "y": "0"}).profiles[0].formula
    mine = vf.Profile("mine", lambda z: np.exp(-z * z) + size, lambda z: -2 * z, formula=formula)
    yield still, vf.FlowMap(vf.RidgeField(*ridges[:3], mine), 0.5, box)
    # Data that were set afterwards: what a call goes by was made before.
    field = vf.RidgeField(*ridges)
    field(0.0, np.zeros((1, 2)))
    field.a = field.a + size
    yield still, vf.FlowMap(field, 0.5, box)
    layered = vf.LayeredField(*layers)
    layered(0.0, np.zeros((1, 2)))
    object.__setattr__(layered, "__class__", LyingLayers)
    yield still, vf.FlowMap(layered, 0.5, box)
    equations = vf.from_equations({"x": "sin(x*y)", "y": "x*t"})
    equations.expressions = tuple(size + part for part in equations.expressions)
    yield still, vf.FlowMap(equations, 0.5, box)
    other = vf.FlowMap(honest, 0.5, box)
    other._solve = lambda solver, x, t0, t1: x + size  # type: ignore[method-assign]
    yield still, other


if __name__ == "__main__":
    seconds, seed = (*map(float, sys.argv[1:]), *(60.0, 0.0)[len(sys.argv) - 1 :])
    for what, tried, bad in run(seconds, int(seed)):
        print(f"{what}: {bad} of {tried}")
