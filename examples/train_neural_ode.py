"""Train the neural ODE of torchdiffeq's own demo, compile it to ONNX, and hold the file against torchdiffeq.

    python examples/train_neural_ode.py [DIRECTORY]

The field is Linear(2, 50), Tanh, Linear(50, 2) on y^3, trained on batches of short pieces of a spiral, as in
torchdiffeq's examples/ode_demo.py. It is no sum of ridges, so the compiler evaluates the module itself. The
network that comes out maps every point of the box to where the trained ODE carries it. Its error is the
largest difference between ONNX Runtime in float32 and torchdiffeq's `odeint` (dopri5, tolerances 1e-9) in
float64 at points that the compiler has not seen. Exits with 1 if that exceeds the tolerance.

Needs torch and torchdiffeq; takes two to three minutes on two cores.
"""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime
import torch
from torch import nn
from torchdiffeq import odeint

import vanillaflow as vf

TOLERANCE = 1e-2
BOX, DURATION = vf.Box([-2, -2], [2, 2]), 0.25
STEPS, BATCH, BATCH_TIME = 1000, 20, 10


class ODEFunc(nn.Module):
    """As torchdiffeq's ode_demo.py has it."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 50), nn.Tanh(), nn.Linear(50, 2))
        for layer in (self.net[0], self.net[2]):
            nn.init.normal_(layer.weight, mean=0, std=0.1)
            nn.init.constant_(layer.bias, val=0)

    def forward(self, t, y):
        return self.net(y**3)


class Spiral(nn.Module):
    """What it learns: y' = y^3 A."""

    def forward(self, t, y):
        return y**3 @ torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])


def trained(seed: int = 0) -> ODEFunc:
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # More would only wait for one another on batches of 20.
    times = torch.linspace(0.0, 25.0, 1000)
    with torch.no_grad():
        path = odeint(Spiral(), torch.tensor([[2.0, 0.0]]), times, method="dopri5")
    module = ODEFunc()
    optimizer = torch.optim.RMSprop(module.parameters(), lr=1e-3)
    for step in range(1, STEPS + 1):
        start = torch.randperm(len(times) - BATCH_TIME)[:BATCH]
        wanted = torch.stack([path[start + i] for i in range(BATCH_TIME)])
        optimizer.zero_grad()
        loss = (odeint(module, path[start], times[:BATCH_TIME], method="dopri5") - wanted).abs().mean()
        loss.backward()
        optimizer.step()
        if step % 250 == 0:
            print(f"  step {step}: loss {loss.item():.4f}", flush=True)
    return module


def error_of(path: Path, module: ODEFunc) -> float:
    """ONNX Runtime against torchdiffeq over random points, the faces and the corners of the box."""
    x = np.concatenate([BOX.sample(10_000, seed=123), BOX.boundary(2_000, seed=123), BOX.corners(123)])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ours = session.run(None, {"x": x.astype(np.float32)})[0]
    with torch.no_grad():
        times = torch.tensor([0.0, DURATION], dtype=torch.float64)
        exact = odeint(module.double(), torch.from_numpy(x), times, rtol=1e-9, atol=1e-9)[-1].numpy()
    return float(np.abs(ours - exact).max())


def main(directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    start = perf_counter()
    print("training", flush=True)
    module = trained()
    print(f"trained in {perf_counter() - start:.0f} s; compiling to within {TOLERANCE:g}", flush=True)
    start = perf_counter()
    target = vf.FlowMap(vf.from_torch(module), DURATION, BOX, name="neural ODE")
    flow = vf.compile(target, TOLERANCE, report=lambda line: print(f"  {line}", flush=True))
    network = flow.to_network("leaky_relu")
    path = directory / "neural_ode.onnx"
    network.to_onnx(path)
    print(f"compiled in {perf_counter() - start:.0f} s: width {network.width}, depth {network.depth}")
    error = error_of(path, module)
    print(f"{path}: largest difference from torchdiffeq {error:.2e}")
    return int(error > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out")))
