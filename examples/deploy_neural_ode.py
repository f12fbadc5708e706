"""Train a small neural ODE, compile it, and write it for ONNX Runtime and for a C compiler.

    python examples/deploy_neural_ode.py [DIRECTORY]

Training takes seconds, for it fits the velocities of a spiral; examples/train_neural_ode.py trains through
the solver. Needs torch and onnxruntime. Prints the error of ONNX Runtime, in float32, against the ODE solver
at points that the compiler has not seen.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import vanillaflow as vf

BOX, DURATION = vf.Box([-2, -2], [2, 2]), 0.5


def trained(steps: int) -> torch.nn.Module:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    module = torch.nn.Sequential(torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 2))
    x = 4 * torch.rand(1024, 2) - 2
    velocity = torch.tanh(x) @ torch.tensor([[-0.3, 1.5], [-1.5, -0.3]])
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        ((module(x) - velocity) ** 2).mean().backward()
        optimizer.step()
    return module


def main(directory: Path, tol: float = 1e-2, steps: int = 500) -> float:
    directory.mkdir(parents=True, exist_ok=True)
    target = vf.FlowMap(vf.from_torch(trained(steps)), DURATION, BOX, name="spiral")
    network = vf.compile(target, tol).to_network()
    network.to_onnx(directory / "spiral.onnx")
    network.to_c(directory / "spiral.c", dtype="float32")
    session = onnxruntime.InferenceSession(directory / "spiral.onnx")
    points = BOX.uniform(10_000, seed=1).astype(np.float32)
    (images,) = session.run(None, {"x": points})
    error = float(abs(images - target(points)).max())
    print(f"width {network.width}, depth {network.depth}: error {error:.2e}, tolerance {tol:g}")
    print(f"written: {directory / 'spiral.onnx'}, {directory / 'spiral.c'}")
    return error


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
