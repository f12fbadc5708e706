"""Compiled flows beside what people use instead: the same map to the same maximum error, in one process.

Every method is taken at its loosest setting whose maximum error, over some 4000 points of the box with faces
and corners, meets the tolerance; all are then called in turns, and the medians of their times are compared.
Writes results/speed.md, .png and .svg; flows and trained networks are kept in --cache.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import onnxruntime
import speed_report
import torch
from peers import PEERS
from peers.peer import Found, Missed, Peer, Problem, Run, loosest, maximum_error
from peers.problems import PROBLEMS, batch, measured_at
from peers.trained_relu import TrainedReLU
from speed_growth import growths
from speed_kernel import kernel_line, random_flow
from speed_report import BATCHES, OURS

import vanillaflow as vf
from vanillaflow.planar.flow import PlanarFlow
from vanillaflow.runtime.parallel import parallel_runs

TOLERANCES = (1e-2, 1e-3)
# Beyond so many dimensions only the method split is of use.
_FEW = 8
# Of a method and a batch: at least so many calls, and as many more as fit in the seconds.
_LEAST_CALLS, _SECONDS = 5, 0.6


@dataclass(frozen=True)
class Line:
    """A method at one problem and tolerance: `seconds` of a call for each of BATCHES, NaN where it missed."""

    problem: str
    tolerance: float
    method: str
    setting: str
    error: float
    seconds: tuple[float, ...]


def compiled(
    problem: Problem, tolerance: float, method: str, cache: Path, seconds: float
) -> PlanarFlow | None:
    """The flow, from the cache if it is there; None if the method did not reach the tolerance in time."""
    path = cache / f"{problem.name}_{method}_{tolerance:g}.safetensors"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        try:
            flow = vf.compile(problem.target, tolerance, method, max_kinks=10**6, max_seconds=seconds)
        except vf.ToleranceNotReached as short:
            print(f"  {method}: {short}", flush=True)
            return None
        flow.save(path)
    flow = vf.load(path)
    assert isinstance(flow, PlanarFlow)
    return flow


def ours(problem: Problem, tolerance: float, cache: Path, seconds: float) -> dict[str, tuple[str, Run]]:
    """The runtime with the flow that is fastest, and with the one of fewest kinks, and that one as a network
    in ONNX Runtime and in torch."""
    fastest, shallowest = ("split",) * 2 if problem.dim > _FEW else ("ridge", "refine")
    flow = compiled(problem, tolerance, fastest, cache, np.inf)
    assert flow is not None
    found: dict[str, tuple[str, Run]] = {OURS: (_setting(flow, fastest), flow)}
    if shallowest != fastest:
        shallow = compiled(problem, tolerance, shallowest, cache, seconds)
        if shallow is not None:
            flow = shallow
            found[f"{OURS}, {shallowest}"] = (_setting(flow, shallowest), flow)
    network = flow.to_network()
    module = network.to_torch()
    network.to_onnx(cache / "network.onnx")
    session = onnxruntime.InferenceSession(cache / "network.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def in_torch(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(x)).numpy()

    layers = f"{network.depth} layers"
    return found | {
        f"{OURS}, ONNX Runtime": (layers, lambda x: session.run(None, {name: x})[0]),
        f"{OURS}, torch": (layers, in_torch),
    }


def _setting(flow: PlanarFlow, method: str) -> str:
    maps = f"{len(parallel_runs(flow.w, flow.stops))} ridge maps, " if method == "ridge" else ""
    return f"{maps}{flow.kinks} kinks"


def measured(problem: Problem, tolerance: float, cache: Path, minutes: float, seconds: float) -> list[Line]:
    """All methods at one problem and tolerance."""
    points, truth = measured_at(problem)
    found: dict[str, Found | Missed] = {}
    for name, (setting, run) in ours(problem, tolerance, cache, seconds).items():
        found[name] = Found(setting, run, maximum_error(run, points, truth))
    peers: list[Peer] = [*PEERS, TrainedReLU(tolerance, cache, 60 * minutes)]
    for peer in peers:
        found[peer.name] = loosest(peer, problem, tolerance, points, truth)
        print(f"  {peer.name}: {found[peer.name].setting}, error {found[peer.name].error:.1e}", flush=True)
    runs = {name: method.run for name, method in found.items() if isinstance(method, Found)}
    times = [in_turns(runs, batch(problem, n)) for n in BATCHES]
    return [
        Line(
            problem.name,
            tolerance,
            name,
            str(method.setting),
            method.error,
            tuple(of_batch.get(name, float("nan")) for of_batch in times),
        )
        for name, method in found.items()
    ]


def in_turns(runs: dict[str, Run], x: np.ndarray) -> dict[str, float]:
    """The median seconds of a call of each.

    One round calls every method, a short one so often that it takes a millisecond; rounds go on until the
    time of each is spent, and slow methods leave early. The first two calls may compile and do not count.
    """
    calls: dict[str, int] = {}
    for name, run in runs.items():
        run(x), run(x)
        calls[name] = max(1, int(1e-3 / max(_seconds(run, x, 1), 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in runs}
    spent = dict.fromkeys(runs, 0.0)
    while True:
        left = [name for name in runs if len(times[name]) < _LEAST_CALLS or spent[name] < _SECONDS]
        if not left:
            return {name: median(of_run) for name, of_run in times.items()}
        for name in left:
            seconds = _seconds(runs[name], x, calls[name])
            times[name].append(seconds)
            spent[name] += seconds * calls[name]


def _seconds(run: Callable, x: np.ndarray, calls: int) -> float:
    begun = perf_counter()
    for _ in range(calls):
        run(x)
    return (perf_counter() - begun) / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", help="all if none is named")
    parser.add_argument("--cache", type=Path, required=True, help="where flows and trained networks are kept")
    parser.add_argument("--minutes", type=float, default=4, help="for training a network, each")
    parser.add_argument("--max-seconds", type=float, default=900, help="for the method refine, each")
    parser.add_argument("--keep", action="store_true", help="what was measured of other problems before")
    arguments = parser.parse_args()
    names = arguments.problems or list(PROBLEMS)
    measurements = arguments.cache / "speed.json"
    lines: list[Line] = []
    if arguments.keep and measurements.exists():
        before = [Line(**line) for line in json.loads(measurements.read_text(encoding="utf-8"))]
        lines = [line for line in before if line.problem not in names]
    for name in names:
        problem = PROBLEMS[name]()
        for tolerance in TOLERANCES:
            print(f"{name} within {tolerance:g}", flush=True)
            lines += measured(problem, tolerance, arguments.cache, arguments.minutes, arguments.max_seconds)
            measurements.write_text(json.dumps([asdict(line) for line in lines]))
    lines.sort(key=lambda line: list(PROBLEMS).index(line.problem))
    kernels = [
        (
            f"{np.dtype(dtype).name}, {threads}",
            kernel_line(random_flow(kinks, 2), BATCHES[-1], dtype, threads),
        )
        for dtype in (np.float32, np.float64)
        for threads in (1, 2)
        for kinks in (20, 100)
    ]
    packages = {package: found for peer in PEERS for package, found in peer.versions.items()}
    versions = (
        "Peers: " + ", ".join(f"{package} {found}" for package, found in sorted(packages.items())) + "."
    )
    speed_report.write(lines, kernels, growths(), 60 * arguments.minutes, versions)


if __name__ == "__main__":
    main()
