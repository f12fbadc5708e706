"""Compile a pendulum and a trained neural ODE to ONNX, then hold the files against the ODE solver.

    python examples/demo.py [DIRECTORY]

The error of each file is the largest difference, in any coordinate, between ONNX Runtime in float32 and the
solver in float64: over a low-discrepancy sample of the box, its faces and corners, and then wherever a local
search from the worst of those points leads. Exits with 1 if an error exceeds the tolerance. On its first run
a minute goes into the compilation of vanillaflow's own kernels, which are kept.
"""

import sys
from pathlib import Path
from time import perf_counter

import numpy as np
import onnxruntime

import vanillaflow as vf
from vanillaflow.certificates.sampled import certify_sampled

TOLERANCE = 5e-2
SYSTEMS = ("pendulum", "spiral_node")


def compile_to_onnx(target: vf.FlowMap, path: Path) -> vf.FeedforwardNetwork:
    """A plain chain of Gemm and LeakyRelu nodes, as wide as the system has coordinates."""
    flow = vf.compile(target, tol=TOLERANCE, report=lambda line: print(f"    {line}", flush=True))
    network = flow.to_network("leaky_relu")
    network.to_onnx(path)
    return network


def measure(path: Path, target: vf.FlowMap) -> vf.Certificate:
    """The error of the file, as ONNX Runtime evaluates it, against the ODE solver."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(x: np.ndarray) -> np.ndarray:
        return session.run(None, {"x": x.astype(np.float32)})[0].astype(np.float64)

    return certify_sampled(run, target, seed=42)  # Not the points that the compiler looked at.


def main(directory: Path) -> int:
    directory.mkdir(parents=True, exist_ok=True)
    table = [
        f"{'system':<14}{'tolerance':>10}{'ONNX error':>12}{'points':>8}{'width':>7}{'depth':>7}{'time':>9}"
    ]
    within = True
    for name in SYSTEMS:
        target = getattr(vf.zoo, name)().target()
        path = directory / f"{name}.onnx"
        print(f"compiling {name}, duration {target.duration:g}, to within {TOLERANCE:g}", flush=True)
        start = perf_counter()
        network = compile_to_onnx(target, path)
        seconds = perf_counter() - start
        found = measure(path, target)
        within &= found.bound <= TOLERANCE
        table.append(
            f"{name:<14}{TOLERANCE:>10.0e}{found.bound:>12.2e}{found.points:>8}"
            f"{network.width:>7}{network.depth:>7}{seconds:>7.1f} s"
        )
    print("\nfloat32 files in ONNX Runtime against the ODE solver, in", f"{directory}/")
    print("\n".join(table))
    print("every error is within the tolerance" if within else "AN ERROR EXCEEDS THE TOLERANCE")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "out")))
