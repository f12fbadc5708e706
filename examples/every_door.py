"""Fields from every door, compiled, exported, and measured against SciPy's solver, point by point.

    python examples/every_door.py out

A deep SiLU network of PyTorch and an oscillator that is forced in time to within 2e-2; a family of pendula
whose torque and damping are inputs of the network, likewise; and two plain functions of three and four
variables to within 1 % of their displacement.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime
import torch
from scipy.integrate import solve_ivp

import vanillaflow as vf

TOLERANCE, PART_OF_DISPLACEMENT = 2e-2, 1e-2
POINTS = 300

FORCED = """
name = "forced Duffing oscillator"
[equations]
"x''" = "x - x**3 - 0.3*x' + 0.5*cos(1.2*t)"
[domain]
x = [-1.5, 1.5]
"x'" = [-1.5, 1.5]
[flow]
duration = 1.0
"""

FAMILY = """
name = "pendulum with torque and damping"
[inputs]
torque = [-1, 1]
[parameters]
damping = [0, 0.5]
[equations]
"theta''" = "-sin(theta) - damping*theta' + torque"
[domain]
theta = [-2, 2]
"theta'" = [-2, 2]
[flow]
duration = 1.0
"""


def deep_silu() -> vf.FlowMap:
    """A network of two hidden layers as a field."""
    torch.manual_seed(0)
    linear, silu = torch.nn.Linear, torch.nn.SiLU
    net = torch.nn.Sequential(linear(2, 32), silu(), linear(32, 32), silu(), linear(32, 2))
    with torch.no_grad():
        # As trained ones do, the field shall move the box by about its size.
        for layer in net[::2]:
            layer.weight *= 2
    return vf.FlowMap(vf.from_torch(net), 1.0, vf.Box([-2, -2], [2, 2]), name="deep SiLU network")


def epidemic(t: float, x: np.ndarray) -> np.ndarray:
    """Susceptible, infected, recovered, with an incidence that saturates."""
    s, i, r = x.T
    incidence = 3 * s * i / (1 + 2 * i)
    return np.stack([0.3 * r - incidence, incidence - i, i - 0.3 * r], axis=1)


def coupled_pendula(x: np.ndarray) -> np.ndarray:
    """Two pendula joined by a spring: angles, then velocities."""
    a, b, p, q = x.T
    return np.stack([p, q, -2 * np.sin(a) + (b - a) - 0.1 * p, -2 * np.sin(b) + (a - b) - 0.1 * q], axis=1)


def systems(directory: Path) -> list[tuple[vf.FlowMap, float]]:
    """The flows and their tolerances."""
    read = []
    for name, text in (("forced", FORCED), ("family", FAMILY)):
        path = directory / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        read.append(vf.load_system(path).target())
    plain = [
        vf.FlowMap(vf.from_callable(epidemic, 3), 1.5, vf.Box([0, 0.05, 0], [2, 1, 1]), name="epidemic"),
        vf.FlowMap(
            vf.from_callable(coupled_pendula, 4), 1.0, vf.Box([-2] * 4, [2] * 4), name="coupled pendula"
        ),
    ]
    return [
        *[(target, TOLERANCE) for target in (deep_silu(), *read)],
        *[(target, PART_OF_DISPLACEMENT * displacement(target)) for target in plain],
    ]


def displacement(target: vf.FlowMap) -> float:
    x = target.domain.sample(4096, seed=3)
    return float(np.abs(target(x) - x).max())


def reference(target: vf.FlowMap, x: np.ndarray) -> np.ndarray:
    """The flow by LSODA, one point at a time: another method and another code than the compiler's."""

    def solved(point: np.ndarray) -> np.ndarray:
        def rate(t: float, y: np.ndarray) -> np.ndarray:
            return target.field(t, y[None])[0]

        solution = solve_ivp(rate, (0, target.duration), point, method="LSODA", rtol=1e-9, atol=1e-9)
        return solution.y[:, -1]

    return np.stack([solved(point) for point in x])


def main(directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    failed = False
    print(
        f"{'system':34}{'d':>3}{'inputs':>8}{'kinks':>7}{'depth':>7}{'tol':>10}{'error':>10}{'LSODA':>10}   s"
    )
    for target, tol in systems(directory):
        start = perf_counter()
        flow = vf.compile(target, tol)
        seconds = perf_counter() - start
        network = flow.to_network()
        path = directory / f"{target.name.replace(' ', '_')}.onnx"
        network.to_onnx(path, outputs=target.dim - target.held)
        x = np.concatenate([target.domain.sample(POINTS, seed=99), target.domain.corners(0)])
        (y,) = onnxruntime.InferenceSession(path).run(None, {"x": x.astype(np.float32)})
        error = float(np.abs(y - reference(target, x)[:, : target.dim - target.held]).max())
        failed |= error > tol
        print(
            f"{target.name:34}{target.dim:3}{target.held:8}{flow.kinks:7}{network.depth:7}{tol:10.2g}"
            f"{flow.provenance.error:10.2g}{error:10.2g}{seconds:4.0f}",
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out")))
