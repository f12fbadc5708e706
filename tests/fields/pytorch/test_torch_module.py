"""from_torch: the field of the module, to rounding."""

import numpy as np
import pytest

import vanillaflow as vf

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from torch_modules import ODEFunc, perceptron  # noqa: E402

ACTIVATIONS = {
    "tanh": nn.Tanh(),
    "sigmoid": nn.Sigmoid(),
    "relu": nn.ReLU(),
    "relu in place": nn.ReLU(inplace=True),
    "leaky_relu": nn.LeakyReLU(),
    "leaky_relu(0.3)": nn.LeakyReLU(0.3),
    "elu": nn.ELU(),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "softplus": nn.Softplus(),
}


def assert_same_field(field, module, timed, x=None, scale=3.0):
    """Equal in float64 up to rounding: 1e-12 of sums of some tens of terms of size 1 to 100."""
    reference = module.double()
    if x is None:
        x = scale * np.random.default_rng(5).standard_normal((500, field.dim))
    with torch.no_grad():
        for t in (0.0, 2.5):
            arguments = (torch.tensor(t), torch.from_numpy(x)) if timed else (torch.from_numpy(x),)
            y = reference(*arguments).numpy()
            size = 1 + np.abs(y).max()
            # torch's softplus leaves out log(1 + exp(-z)) from z = 20 on.
            slack = 1e-8 if any(p.name == "softplus" for p in field.profiles) else 1e-12
            assert np.abs(field(t, x) - y).max() <= slack * size


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("d", [1, 2, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perceptrons(activation, d, dtype):
    module = perceptron(ACTIVATIONS[activation], d, seed=d).to(dtype)
    field = vf.from_torch(module)
    assert (field.dim, field.ridges) == (d, 16)
    assert {p.name for p in field.profiles} == {activation.removesuffix(" in place")}
    assert_same_field(field, module, timed=False)


def test_weights_are_converted_exactly():
    module = perceptron(nn.Tanh())
    field = vf.from_torch(module)
    assert np.array_equal(field.w, module[0].weight.detach().numpy().astype(np.float64))
    assert np.array_equal(field.b, module[0].bias.detach().numpy().astype(np.float64))
    assert np.array_equal(field.a.T, module[2].weight.detach().numpy().astype(np.float64))
    assert np.array_equal(field.c, module[2].bias.detach().numpy().astype(np.float64))


FORMULAS = {
    "net": lambda m, t, y: m.net(y),
    "damped": lambda m, t, y: -y + m.net(y),
    "scaled": lambda m, t, y: 0.5 * m.net(y) * m.k - y / 3 + 1.0,
    "hopfield": lambda m, t, y: -y + torch.tanh(y) @ m.W.T,
    "matmul and sin": lambda m, t, y: torch.matmul(torch.sin(y @ m.W + m.k), m.W),
    "functional": lambda m, t, y: functional.linear(functional.softplus(functional.linear(y, m.W, m.k)), m.W),
    "methods": lambda m, t, y: functional.linear(y, m.W).relu().mul(2).sub(y.sigmoid()),
    "powers": lambda m, t, y: y - y**3 + 0.1 * y.pow(2) @ m.W,
    "exp and arctan": lambda m, t, y: torch.exp(-0.1 * y) - torch.atan(y),
    "functional options": lambda m, t, y: functional.leaky_relu(y, 0.3) + functional.elu(y, inplace=False),
    "gelu and silu": lambda m, t, y: functional.gelu(y) - functional.silu(y @ m.W) + torch.cos(y),
    "functional dropout": lambda m, t, y: functional.dropout(m.net(y), 0.5, m.training),
    "constant minus state": lambda m, t, y: m.k - y,
    "time that goes nowhere": lambda m, t, y: (torch.cat([t.view(1), t.view(1)]), m.net(y))[1],
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_torchdiffeq_modules(formula):
    module = ODEFunc(FORMULAS[formula]).eval()
    assert_same_field(vf.from_torch(module, dim=2), module, timed=True)


def test_nested_containers_identities_and_dropout_in_evaluation_mode():
    inner = nn.Sequential(nn.Identity(), nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5)), nn.SiLU())
    module = nn.Sequential(inner, nn.Sequential(nn.Dropout(0.1), nn.Linear(8, 3))).eval()
    assert_same_field(vf.from_torch(module), module, timed=False)


def test_consecutive_linear_layers_multiply():
    module = nn.Sequential(
        nn.Linear(2, 4, bias=False), nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3), nn.Linear(3, 2)
    )
    field = vf.from_torch(module)
    assert field.ridges == 6
    assert_same_field(field, module, timed=False)


def test_affine_field():
    module = nn.Linear(4, 4)
    field = vf.from_torch(module)
    assert field.ridges == 0
    assert np.array_equal(field.A, module.double().weight.detach().numpy())
    assert_same_field(field, module, timed=False)


def test_default_arguments_are_filled_in():
    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = perceptron(nn.Tanh())

        def forward(self, t, y, args=None, scale=2.0):
            return scale * self.net(y)

    module = Module()
    assert_same_field(vf.from_torch(module), module, timed=True)


def test_weight_normalization():
    module = perceptron(nn.Tanh())
    nn.utils.parametrizations.weight_norm(module[0])
    assert_same_field(vf.from_torch(module), module, timed=False)


def test_compiled_module():
    module = perceptron(nn.Tanh())
    assert np.array_equal(vf.from_torch(torch.compile(module)).w, vf.from_torch(module).w)


def test_the_module_is_left_as_it_was():
    module = ODEFunc(FORMULAS["net"])
    module.net.insert(1, nn.Dropout(0.0))
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    random_state = torch.get_rng_state()
    vf.from_torch(module)
    assert module.nfe == 0
    assert module.training
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, state[name])


def test_the_field_makes_a_target():
    field = vf.from_torch(ODEFunc(FORMULAS["net"]))
    target = vf.FlowMap(field, duration=0.1, domain=vf.Box([-1, -1], [1, 1]))
    assert np.isfinite(target(target.domain.sample(8))).all()
