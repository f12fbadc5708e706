"""One network for all pendula with a damping from 0 to 0.5.

    python examples/family_of_parameters.py [DIRECTORY]

The damping is a third input of the network, which its outputs leave out. Prints the error for several
dampings: the largest difference of the network from the ODE solver over 2000 points each.
"""

import sys
from pathlib import Path

import numpy as np

import vanillaflow as vf

FAMILY = """
name = "damped pendulum"
[parameters]
damping = [0, 0.5]
[equations]
"theta''" = "-sin(theta) - damping*theta'"
[domain]
theta = [-2, 2]
"theta'" = [-2, 2]
[flow]
duration = 1.0
"""


def main(directory: Path, tol: float = 2e-2) -> dict[float, float]:
    """The error for each damping."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "family.toml").write_text(FAMILY, encoding="utf-8")
    target = vf.load_system(directory / "family.toml").target()
    flow = vf.compile(target, tol)
    network = flow.to_network()
    network.to_onnx(directory / "family.onnx", outputs=2)
    print(f"{flow.kinks} kinks, width {network.width}, depth {network.depth}")
    errors = {}
    for damping in (0.0, 0.1, 0.25, 0.5):
        x = target.domain.uniform(2000, seed=1)
        x[:, 2] = damping
        errors[damping] = float(np.abs(network(x) - target(x)).max())
        print(f"damping {damping:4g}: error {errors[damping]:.2e}, tolerance {tol:g}")
    return errors


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
