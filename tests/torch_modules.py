"""Modules as users of neural ODEs write them. Import after `pytest.importorskip("torch")`."""

import torch
from torch import nn


def perceptron(activation: nn.Module, d: int = 2, hidden: int = 16, seed: int = 0) -> nn.Sequential:
    """Linear -> activation -> Linear with weights large enough to be far from linear."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(d, hidden), activation, nn.Linear(hidden, d))
        with torch.no_grad():
            net[0].weight.mul_(3)
    return net


class ODEFunc(nn.Module):
    """As torchdiffeq's examples write it: forward(t, y), with a counter of evaluations."""

    def __init__(self, formula, net=None):
        super().__init__()
        self.net = perceptron(nn.Tanh()) if net is None else net
        self.formula = formula
        self.nfe = 0
        with torch.random.fork_rng():
            torch.manual_seed(1)
            self.W = nn.Parameter(torch.randn(2, 2))
            self.register_buffer("k", torch.tensor([0.3, -0.4]))
            self.with_time = nn.Linear(3, 2)

    def forward(self, t, y):
        self.nfe += 1
        return self.formula(self, t, y)
