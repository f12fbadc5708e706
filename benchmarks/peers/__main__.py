"""What the peers take for every problem: `python -m peers` in the folder above, or with names of problems.

With --train FOLDER also networks, whose weights are kept there. For a look; not the benchmark itself.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

from . import PEERS
from .peer import Missed, Peer, Points, Problem, Run, loosest
from .problems import PROBLEMS, batch, measured_at
from .trained_relu import TrainedReLU

_TOLERANCES = (1e-2, 1e-3)
_FEW, _MANY = 1, 100_000
_SECONDS, _LEAST_REPEATS = 0.3, 3


def _seconds(run: Run, x: Points) -> float:
    """The least of some calls, as the machine may be shared, after two that may compile."""
    run(x), run(x)
    times: list[float] = []
    while len(times) < _LEAST_REPEATS or sum(times) < _SECONDS:
        begun = perf_counter()
        run(x)
        times.append(perf_counter() - begun)
    return min(times)


def _show(problem: Problem, peer: Peer, tolerance: float, points: Points, truth: Points) -> None:
    start = f"{problem.name:12} {tolerance:6g} {peer.name:26}"
    found = loosest(peer, problem, tolerance, points, truth)
    if isinstance(found, Missed):
        print(f"{start} {found.setting!s:>10} {found.error:8.1e} missed", flush=True)
        return
    call = 1e6 * _seconds(found.run, batch(problem, _FEW))
    each = 1e9 / _MANY * _seconds(found.run, batch(problem, _MANY))
    print(f"{start} {found.setting!s:>10} {found.error:8.1e} {call:8.1f} us {each:9.1f} ns", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problems", nargs="*", help="all if none is named")
    parser.add_argument(
        "--peer", action="append", choices=[peer.name for peer in PEERS], help="all if not given"
    )
    parser.add_argument("--train", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--seconds", type=float, default=240.0, help="of training for a problem and tolerance"
    )
    arguments = parser.parse_args()
    for peer in PEERS:
        print(f"{peer.name}: " + ", ".join(f"{package} {v}" for package, v in peer.versions.items()))
    print(
        f"\n{'problem':12} {'within':>6} {'peer':26} {'setting':>10} {'error':>8} "
        f"{'call of one':>11} {'each of many':>12}"
    )
    for name in arguments.problems or PROBLEMS:
        problem = PROBLEMS[name]()
        points, truth = measured_at(problem)
        for tolerance in _TOLERANCES:
            peers: list[Peer] = [p for p in PEERS if not arguments.peer or p.name in arguments.peer]
            if arguments.train is not None:
                peers.append(TrainedReLU(tolerance, arguments.train, arguments.seconds))
            for peer in peers:
                _show(problem, peer, tolerance, points, truth)


main()
