"""from_torch refuses what is no field, and with `exact` what it cannot read, and says what it found."""

import sys

import numpy as np
import pytest

import vanillaflow as vf

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from torch_modules import ODEFunc, perceptron  # noqa: E402

READS = "from_torch reads Linear -> activation -> Linear; found "


class ThreeArguments(nn.Module):
    def forward(self, t, y, parameters):
        return parameters * y


# Modules that are refused, with a part of the reason.
REFUSED = {
    "three linear layers": (
        lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2)),
        READS + r"Linear -> Tanh -> Linear -> Tanh -> Linear \(3 linear layers\)",
    ),
    "cubed input": (
        lambda: ODEFunc(lambda m, t, y: m.net(y**3)),
        READS + "pow -> Linear -> Tanh -> Linear, where tanh is applied to what is already nonlinear",
    ),
    "time as input": (
        lambda: ODEFunc(lambda m, t, y: m.with_time(torch.cat([y, t.expand(y.shape[0], 1)], 1))),
        "depends on time: its first argument goes into expand",
    ),
    "time as factor": (lambda: ODEFunc(lambda m, t, y: m.net(y) * t), "depends on time: .* goes into mul"),
    "arguments in the other order": (
        lambda: ODEFunc(lambda m, first, second: m.net(first)),
        "depends on time: its first argument goes into Linear",
    ),
    "three arguments": (lambda: ThreeArguments(), "it takes 3 arguments without defaults"),
    "product of functions": (
        lambda: ODEFunc(lambda m, t, y: y * m.net(y)),
        READS + "Linear -> Tanh -> Linear -> mul, which multiplies two functions of y",
    ),
    "quotient": (lambda: ODEFunc(lambda m, t, y: m.net(1 / y)), "which divides by a function of y"),
    "negative power": (
        lambda: ODEFunc(lambda m, t, y: m.net(y**-1)),
        "a power that is not a positive integer",
    ),
    "column": (
        lambda: ODEFunc(lambda m, t, y: m.net(y)[:, :1] * m.k),
        "getitem is not among the operations that it knows",
    ),
    "branch": (
        lambda: ODEFunc(lambda m, t, y: m.net(y) if y.sum() > 0 else -y),
        "branches on its data or iterates over it",
    ),
    "branch on time": (
        lambda: ODEFunc(lambda m, t, y: m.net(y) if t > 0.5 else -y),
        "branches on its data or iterates over it",
    ),
    "numpy inside": (
        lambda: ODEFunc(lambda m, t, y: torch.from_numpy(np.tanh(y.numpy()))),
        "cannot be traced by torch.fx|cannot be read|branches",
    ),
    "random numbers": (
        lambda: ODEFunc(lambda m, t, y: m.net(y) + torch.randn(2)),
        "does something that its graph does not show",
    ),
    "hidden state": (
        lambda: ODEFunc(lambda m, t, y: m.net(y) + m.nfe),
        "does something that its graph does not show",
    ),
    "change in place": (
        lambda: ODEFunc(lambda m, t, y: (y.mul_(2), m.net(y))[1]),
        "does something that its graph does not show",
    ),
    "two results": (lambda: ODEFunc(lambda m, t, y: (y, m.net(y))), "returns a tuple"),
    "division by zero": (lambda: ODEFunc(lambda m, t, y: m.net(y) / 0.0), "computes no finite field"),
    "wide constant": (lambda: ODEFunc(lambda m, t, y: m.net(y) + torch.ones(2, 1)), "constant of shape"),
    "convolution": (
        lambda: nn.Sequential(nn.Conv1d(1, 1, 3), nn.Tanh()),
        READS + "Conv1d -> Tanh, without a Linear",
    ),
    "not square": (
        lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)),
        "maps dimension 2 to 3",
    ),
    "wrong chain": (
        lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(7, 2)),
        "whose Linear reads 7 numbers where there are 8",
    ),
    "dropout in training": (
        lambda: nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2)),
        r"dropout is random in training mode: call module.eval\(\) first",
    ),
    "functional dropout in training": (
        lambda: ODEFunc(lambda m, t, y: functional.dropout(m.net(y), 0.5, m.training)),
        "dropout is random in training mode",
    ),
    "normalization": (
        lambda: nn.Sequential(nn.Linear(2, 8), nn.LayerNorm(8), nn.Linear(8, 2)),
        READS + "Linear -> LayerNorm -> Linear, and LayerNorm is not among the layers that it knows",
    ),
    "unknown activation": (
        lambda: perceptron(nn.Hardtanh()),
        "Hardtanh is not among the layers that it knows",
    ),
    "elu(alpha=2)": (lambda: perceptron(nn.ELU(2.0)), r"with elu\(alpha=2.0\)"),
    "gelu(tanh)": (lambda: perceptron(nn.GELU("tanh")), r"with gelu\(approximate='tanh'\)"),
    "softplus(beta=2)": (lambda: perceptron(nn.Softplus(2.0)), r"with softplus\(beta=2.0\)"),
    "softplus(threshold=1)": (lambda: perceptron(nn.Softplus(1.0, 1.0)), r"with softplus\(threshold=1.0\)"),
    "functional gelu(tanh)": (
        lambda: ODEFunc(lambda m, t, y: functional.gelu(m.net[0](y), approximate="tanh") @ m.net[2].weight.T),
        r"with gelu\(approximate='tanh'\)",
    ),
    "recurrent": (lambda: nn.RNN(2, 2), READS + "RNN, without a Linear"),
    "no forward": (lambda: nn.ModuleList([nn.Linear(2, 2)]), r"must take \(y\) or \(t, y\)"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(2)), "parameter '0.weight' of the module has no values yet"),
    "complex": (lambda: perceptron(nn.Tanh()).to(torch.complex64), "is complex"),
    "scripted": (lambda: torch.jit.script(nn.Linear(2, 2)), "code of a RecursiveScriptModule cannot be read"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    build, reason = REFUSED[case]
    with pytest.raises(vf.FieldError, match=reason) as caught:
        vf.from_torch(build(), exact=True)
    assert "\n" not in str(caught.value)


# Of these, what is no field even if it is only evaluated.
NO_FIELD = {
    "three arguments": "pass dim",
    "branch": "other values for a point alone",
    "numpy inside": None,
    "random numbers": "other values when it is called again",
    "hidden state": "other values when it is called again",
    "two results": "returns a tuple",
    "division by zero": None,
    "not square": "cannot be evaluated|maps points of shape .* to",
    "scripted": "pass dim",
    "wrong chain": "cannot be evaluated in float64",
    "convolution": "pass dim",
    "dropout in training": r"call module.eval\(\) first",
    "functional dropout in training": "other values when it is called again",
    "recurrent": "pass dim",
    "no forward": r"must take \(y\) or \(t, y\)|cannot be evaluated",
    "arguments in the other order": "cannot be evaluated|maps points",
    "lazy": "has no values yet",
    "complex": "is complex",
    "wide constant": None,
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [case for case in NO_FIELD if NO_FIELD[case]])
def test_what_is_no_field(case):
    with pytest.raises(vf.FieldError, match=NO_FIELD[case]) as caught:
        vf.from_torch(REFUSED[case][0]())
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", [case for case in REFUSED if case not in NO_FIELD])
def test_what_is_not_read_is_evaluated(case):
    """The field is the module in float64, whatever it computes."""
    module = REFUSED[case][0]()
    field = vf.from_torch(module)
    x = np.random.default_rng(3).normal(size=(50, field.dim))
    reference = module.double()
    with torch.no_grad():
        for t in (0.0, 0.7):
            y = torch.from_numpy(x.copy())
            v = reference(torch.tensor(t, dtype=torch.float64), y) if hasattr(module, "nfe") else reference(y)
            # Evaluated by torch itself, or read as layers, which agree to rounding.
            exactly = 1e-13 if isinstance(field, vf.LayeredField) else 0
            np.testing.assert_allclose(field(t, x), v.numpy(), rtol=exactly, atol=exactly)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(value):
    module = perceptron(nn.Tanh())
    with torch.no_grad():
        module[2].bias[1] = value
    with pytest.raises(
        vf.FieldError, match=r"parameter '2.bias' of the module has values that are not finite"
    ):
        vf.from_torch(module)


@pytest.mark.parametrize("thing", [None, "net.pt", lambda y: y, nn.Tanh])
def test_what_is_no_module(thing):
    with pytest.raises(vf.FieldError, match=r"from_torch reads a torch\.nn\.Module, got"):
        vf.from_torch(thing)


def test_dimension():
    with pytest.raises(
        vf.FieldError, match="found Tanh, without a Linear that tells the dimension of y: pass dim"
    ):
        vf.from_torch(nn.Tanh(), exact=True)
    assert vf.from_torch(nn.Tanh(), dim=3).dim == 3
    with pytest.raises(vf.FieldError, match="whose Linear reads 2 numbers where there are 3"):
        vf.from_torch(perceptron(nn.Tanh()), dim=3, exact=True)
    for dim in (0, -1):
        with pytest.raises(vf.FieldError, match="dim must be a positive integer"):
            vf.from_torch(perceptron(nn.Tanh()), dim=dim)


def test_constant_field():
    with pytest.raises(vf.FieldError, match="returns a constant; a vector field returns one tensor"):
        vf.from_torch(ODEFunc(lambda m, t, y: m.k), dim=2, exact=True)


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        vf.VanillaflowError, match=r'from_torch needs torch.*pip install "vanillaflow\[torch\]"'
    ):
        vf.from_torch(None)
