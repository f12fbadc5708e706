"""Compile a simulator of which only starting points and end points are known.

    python examples/from_samples.py [DIRECTORY]

Prints what to expect, from predicting samples that were left out, and what comes out, at fresh points.
"""

import sys
from pathlib import Path

import numpy as np

import vanillaflow as vf

BOX = vf.Box([-2, -2], [2, 2])


def simulator(x: np.ndarray) -> np.ndarray:
    """A pendulum in a fluid, one second in a hundred steps. Imagine you cannot look inside."""
    angle, velocity = x.T.copy()
    for _ in range(100):
        angle += 0.01 * velocity
        velocity += 0.01 * (-np.sin(angle) - 0.5 * velocity * abs(velocity))
    return np.stack([angle, velocity], axis=1)


def main(directory: Path, tol: float = 2e-2, samples: int = 2000) -> tuple[float, float]:
    """The error that is to be expected, and the error at fresh points."""
    directory.mkdir(parents=True, exist_ok=True)
    x = BOX.sample(samples)
    target = vf.FlowMap.from_samples(x, simulator(x), BOX, name="simulator")
    network = vf.compile(target, tol).to_network()
    network.to_onnx(directory / "simulator.onnx")
    expected = tol + target.left_out_error
    fresh = BOX.uniform(10_000, seed=7)
    error = float(np.abs(network(fresh) - simulator(fresh)).max())
    print(f"{samples} samples; left out and predicted, they are off by up to {target.left_out_error:.2e}")
    print(f"width {network.width}, depth {network.depth}: error {error:.2e}, expected up to {expected:.2e}")
    return expected, error


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
