"""Proofs that are killed: do they go on from their checkpoint to the same certificate, to the bit?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

import numpy as np

import vanillaflow as vf

# A proof of some seconds: a pendulum of a hundred kinks, to little more than its error.
TOLERANCE, FACTOR = 2e-3, 1.05
SIGNALS = ("SIGTERM", "SIGKILL", "SIGINT")
# What a certificate says, without when and how fast.
SAID = ("bound", "per_output", "worst_point", "points", "largest", "network_hash", "system_hash")


# The command line, with a checkpoint every fifth of a second rather than every half minute.
MAIN = """
import sys
import vanillaflow.enclosures.checkpoint as checkpoint
from vanillaflow.cli import main

checkpoint._SECONDS = 0.2
sys.exit(main(sys.argv[1:]))
"""


def _prove(folder: Path, goal: float, kill: str | None = None, after: float = 0.0) -> dict | None:
    """What the certificate says; None if the proof was killed."""
    options = ["--method", "rigorous", "--tol", repr(goal), "--seed", "0", "--checkpoint", "proof.part"]
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "certify", "net.safetensors", "pendulum", *options, "-o", "proof.json"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if kill is not None:
        sleep(after)
        process.send_signal(getattr(signal, kill))
    if process.wait() != 0:
        return None
    said = json.loads((folder / "proof.json").read_text())
    return {name: said[name] for name in SAID}


def run(seconds: float, seed: int) -> list[tuple[str, int, int]]:
    """For each signal, how many proofs were killed, and how many did not go on to the same certificate or
    left files behind."""
    rng = np.random.default_rng(seed)
    counts = {name: [0, 0] for name in SIGNALS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        target = vf.zoo.pendulum().target()
        network = vf.compile(target, TOLERANCE, method="ridge").to_network("prelu")
        network.save(folder / "net.safetensors")
        goal = FACTOR * vf.certify(network, target).bound
        begun = perf_counter()
        whole = _prove(folder, goal)
        long = perf_counter() - begun
        while perf_counter() - begun < seconds:
            for kill, count in counts.items():
                (folder / "proof.json").unlink(missing_ok=True)
                killed = _prove(folder, goal, kill, rng.uniform(0.3, 1.0) * long)
                again = _prove(folder, goal) if killed is None else killed
                left = sorted(path.name for path in folder.iterdir())
                count[0] += killed is None
                count[1] += again != whole or left != ["net.safetensors", "proof.json"]
    return [(f"proofs ended by {kill}", *count) for kill, count in counts.items()]


if __name__ == "__main__":
    for row in run(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, 0):
        print(*row, sep="\t")
