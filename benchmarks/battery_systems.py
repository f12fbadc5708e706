"""Systems that nobody here chose: flows of a public collection, neural ODEs trained here, the zoo.

Of `dysts` (an extra): box = mean +- one standard deviation of the attractor, a tenth of a period. Of neural
ODEs: trained in seconds, on boxes where they were trained.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import vanillaflow as vf

DYSTS = {
    3: "Aizawa BurkeShaw CaTwoPlus CaTwoPlusQuasiperiodic CellularNeuralNetwork Colpitts ExcitableCell "
    "Finance GlycolyticOscillation Hadley HastingsPowell KawczynskiStrizhak Laser LiuChen LuChen "
    "LuChenCheng MooreSpiegel MultiChua NewtonLiepnik NoseHoover RayleighBenard Rossler Rucklidge "
    "SanUmSrisuchinwong SprottE SprottI SprottJ SprottK SprottQ SprottR ThomasLabyrinth WindmiReduced",
    4: "HyperBao HyperCai HyperLorenz HyperRossler HyperYangChen Lorenz96 LorenzStenflo Qi",
    6: "CellCycle LorenzCoupled",
}


class _System:
    """What the equations need of their base class: parameters, and their order in `_rhs`."""

    def __init__(self, parameters: dict[str, Any]):
        arrays = {key: np.array(v) if isinstance(v, list) else v for key, v in parameters.items()}
        self.__dict__.update(arrays)
        self._parameters = arrays

    def rhs(self, X: np.ndarray, t: float) -> Any:
        return self._rhs(*X, t, **self._parameters)  # type: ignore[attr-defined]


@cache
def _collection() -> tuple[ModuleType, dict[str, dict[str, Any]]]:
    """The equations and the data of the collection, without all else that it imports."""
    found = find_spec("dysts")
    assert found is not None and found.origin is not None, "install the extra: pip install dysts==0.96"
    folder = Path(found.origin).parent
    base = ModuleType("equations_of_dysts.base")
    base.DynSys, base.DynSysDelay, base.staticjit = _System, object, staticmethod  # type: ignore[attr-defined]
    sys.modules["equations_of_dysts"] = ModuleType("equations_of_dysts")
    sys.modules[base.__name__] = base
    spec = spec_from_file_location("equations_of_dysts.flows", folder / "flows.py")
    assert spec is not None and spec.loader is not None
    flows = module_from_spec(spec)
    spec.loader.exec_module(flows)
    return flows, json.loads((folder / "data" / "chaotic_attractors.json").read_text())


def dysts_flow(name: str) -> vf.FlowMap:
    """The flow of a system of the collection, its field a function of points (n, d)."""
    flows, systems = _collection()
    known = systems[name]
    system = getattr(flows, name)(known["parameters"])

    def rate(x: np.ndarray) -> np.ndarray:
        return np.stack(np.broadcast_arrays(*system.rhs(x.T, 0.0)), axis=-1).astype(float)

    mean, std = np.array(known["mean"]), np.array(known["std"])
    box = vf.Box(mean - std, mean + std)
    return vf.FlowMap(vf.from_callable(rate, mean.size), 0.1 * known["period"], box, name)


def random_perceptron(dim: int, hidden: int = 64, norm: float = 1.7, seed: int = 0) -> vf.FlowMap:
    """V tanh(W x + b) with rows of W of this norm, V scaled so that the largest displacement is 1."""
    rng = np.random.default_rng([seed, dim])
    W = rng.normal(size=(hidden, dim))
    W *= norm / np.linalg.norm(W, axis=1, keepdims=True)
    b, V = rng.uniform(-1, 1, hidden), rng.normal(size=(dim, hidden)) / hidden
    box = vf.Box(-np.ones(dim), np.ones(dim))

    def flow(scale: float) -> vf.FlowMap:
        return vf.FlowMap(vf.RidgeField(scale * V.T, W, b, "tanh"), 1.0, box, f"tanh, d = {dim}")

    scale = 1.0
    for _ in range(20):
        scale /= displacement(flow(scale))
    return flow(scale)


def trained(
    name: str,
    rate: Callable[[np.ndarray], np.ndarray],
    dim: int,
    activation: str,
    hidden: tuple[int, ...],
    half_width: float,
    duration: float,
) -> vf.FlowMap:
    """A neural ODE whose right hand side was fitted to `rate` on the box by a few seconds of Adam."""
    import torch

    torch.manual_seed(0)
    sizes, layers = [dim, *hidden], []
    for before, after in pairwise(sizes):
        layers += [torch.nn.Linear(before, after), getattr(torch.nn, activation)()]
    module = torch.nn.Sequential(*layers, torch.nn.Linear(sizes[-1], dim)).double()
    x = half_width * (2 * np.random.default_rng(0).random((4096, dim)) - 1)
    points, rates = torch.from_numpy(x), torch.from_numpy(rate(x))
    adam = torch.optim.Adam(module.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, 1000)
    for _ in range(1000):
        rows = torch.randint(len(x), (256,))
        adam.zero_grad()
        torch.nn.functional.mse_loss(module(points[rows]), rates[rows]).backward()
        adam.step()
        schedule.step()
    box = vf.Box(-half_width * np.ones(dim), half_width * np.ones(dim))
    return vf.FlowMap(vf.from_torch(module), duration, box, name)


_SPIRAL = np.array([[-0.1, 2.0], [-2.0, -0.1]])


def _spiral(x: np.ndarray) -> np.ndarray:
    return x**3 @ _SPIRAL


def _coupled_pendulums(x: np.ndarray) -> np.ndarray:
    half = x.shape[1] // 2
    q, v = x[:, :half], x[:, half:]
    return np.concatenate([v, -np.sin(q) + 0.3 * (np.roll(q, 1, axis=1) - q)], axis=1)


def _lorenz_like(x: np.ndarray) -> np.ndarray:
    a, b, c = x.T
    return np.stack([2 * (b - a), 1.5 * a - b - 2 * a * c, 2 * a * b - c], axis=1)


NEURAL: dict[str, Callable[[], vf.FlowMap]] = {
    "SiLU spiral": lambda: trained("SiLU spiral", _spiral, 2, "SiLU", (32, 32), 2.0, 0.5),
    "softplus Lorenz": lambda: trained("softplus Lorenz", _lorenz_like, 3, "Softplus", (48, 48), 1.0, 0.5),
    "SELU pendulums": lambda: trained(
        "SELU pendulums", _coupled_pendulums, 4, "SELU", (64, 64, 64), 1.5, 0.7
    ),
    "SiLU pendulums": lambda: trained("SiLU pendulums", _coupled_pendulums, 6, "SiLU", (64, 64), 1.5, 0.7),
    "tanh, d = 4": lambda: random_perceptron(4),
    "tanh, d = 6": lambda: random_perceptron(6),
}


def displacement(target: vf.FlowMap) -> float:
    """The largest, max norm, over samples of the box."""
    x = np.concatenate([target.domain.sample(2000, 7), target.domain.corners(7)])
    return float(np.abs(target(x) - x).max())


def cases() -> Iterator[tuple[str, int, Callable[[], vf.FlowMap], float]]:
    """Name, dimension, how to make the flow, and the tolerance in units of the largest displacement."""
    for dim, names in DYSTS.items():
        for name in names.split():
            yield name, dim, lambda name=name: dysts_flow(name), 0.01 if dim < 5 else 0.02
    for name, make in NEURAL.items():
        yield name, 0, make, 0.02
