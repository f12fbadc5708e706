"""Other ways to compute a flow, each as fast as its users would make it: what `vanillaflow` is timed against.

Needs torch, torchdiffeq, torchode, diffrax, jax, onnxruntime and, for what torch compiles, a C++ compiler.
`PEERS` need no training; `trained_relu.TrainedReLU` is made for a tolerance.
"""

from .jax_rk4 import JaxRK4
from .jax_solvers import DiffraxFixed, DiffraxTsit5
from .numba_rk4 import NumbaRK4
from .onnx_rk4 import OnnxRK4
from .peer import Peer
from .scipy_rk45 import ScipyRK45
from .torch_solvers import TorchdiffeqDopri5, TorchdiffeqRK4, TorchodeTsit5

PEERS: tuple[Peer, ...] = (
    NumbaRK4(),
    OnnxRK4(),
    JaxRK4(),
    DiffraxFixed(),
    DiffraxTsit5(),
    TorchdiffeqRK4(),
    TorchdiffeqDopri5(),
    TorchodeTsit5(),
    ScipyRK45(),
)
