"""LayeredField: the formula, what it refuses, and deep torch modules, which are read as one to rounding."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.fields.callable_field import CallableField
from vanillaflow.fields.layered import LayeredForm
from vanillaflow.fields.profiles import get_profile

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from torch_modules import ODEFunc  # noqa: E402

ACTIVATIONS = {
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "leaky_relu(0.3)": lambda: nn.LeakyReLU(0.3),
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
}


def chain(widths, activations, seed=0):
    """Linear, activation, ..., Linear between layers of these widths, far from linear."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = []
        for before, after, activation in zip(widths, widths[1:], [*activations, None]):
            layers.append(nn.Linear(before, after))
            with torch.no_grad():
                layers[-1].weight.mul_(2)
            if activation is not None:
                layers.append(activation)
    return nn.Sequential(*layers)


def assert_same_field(field, module, timed=False):
    """Equal in float64 up to rounding: 1e-12 of sums of some hundred terms of size 1 to 100.

    torch's softplus leaves out log(1 + e^-z), at most 2.1e-9, from z = 20 on; later layers amplify that.
    """
    assert isinstance(field, vf.LayeredField)
    reference = module.double()
    x = 3 * np.random.default_rng(5).standard_normal((500, field.dim))
    slack = 1e-7 if any(p.name == "softplus" for p in field.profiles) else 1e-12
    with torch.no_grad():
        for t in (0.0, 2.5):
            y = torch.from_numpy(x)
            v = (reference(torch.tensor(t), y) if timed else reference(y)).numpy()
            assert np.abs(field(t, x) - v).max() <= slack * (1 + np.abs(v).max())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [[7, 5], [6, 8, 4], [5, 6, 7, 4]], ids=["2", "3", "4"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_perceptrons(activation, hidden, dtype):
    d = len(hidden) - 1
    module = chain([d, *hidden, d], [ACTIVATIONS[activation]() for _ in hidden], seed=d).to(dtype)
    field = vf.from_torch(module)
    assert field.dim == d
    assert [profile.name for profile in field.profiles] == [activation] * len(hidden)
    assert [len(b) for b in field.biases] == [*hidden, d]
    assert_same_field(field, module)


def test_weights_are_converted_exactly():
    module = chain([2, 5, 6, 2], [nn.Tanh(), nn.SiLU()])
    field = vf.from_torch(module)
    for layer, W, b in zip(module[::2], field.weights, field.biases):
        assert np.array_equal(W, layer.weight.detach().numpy().astype(np.float64))
        assert np.array_equal(b, layer.bias.detach().numpy().astype(np.float64))
    assert not field.A.any()


DEEP = [2, 8, 8, 2]


def two_heads(m, h):
    return m.net[4](h) - 0.3 * (m.net[4](2 * h) + m.k)


FORMULAS = {
    "net": lambda m, t, y: m.net(y),
    "damped": lambda m, t, y: -y + m.net(y),
    "linear part": lambda m, t, y: 0.5 * m.net(y) * m.k - y @ m.W.T + 1.0,
    "activated state": lambda m, t, y: m.net(torch.tanh(y)),
    "powers": lambda m, t, y: functional.linear(torch.sin(functional.linear((y @ m.W) ** 2, m.W, m.k)), m.W),
    "functional": lambda m, t, y: functional.gelu(functional.silu(y @ m.W + m.k) @ m.W + 1.0) @ m.W,
    "two heads": lambda m, t, y: two_heads(m, torch.tanh(m.net[2](torch.tanh(m.net[0](y))))),
    "time that goes nowhere": lambda m, t, y: (torch.cat([t.view(1), t.view(1)]), m.net(y))[1],
}
EVALUATED = {
    "skip connection": lambda m, t, y: torch.tanh(y + torch.tanh(y @ m.W)) @ m.W,
    "product": lambda m, t, y: y * m.net(y),
    "layers of different depths": lambda m, t, y: m.net(y) + torch.tanh(y),
    "mixed neurons": lambda m, t, y: torch.tanh(torch.tanh(y) + torch.sin(y @ m.W)) @ m.W,
    "time": lambda m, t, y: m.net(y) * torch.cos(t),
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_torchdiffeq_modules(formula):
    module = ODEFunc(FORMULAS[formula], chain(DEEP, [nn.Tanh(), nn.Tanh()]))
    assert_same_field(vf.from_torch(module, dim=2), module, timed=True)


@pytest.mark.parametrize("formula", EVALUATED)
def test_other_modules_are_evaluated(formula):
    module = ODEFunc(EVALUATED[formula], chain(DEEP, [nn.Tanh(), nn.Tanh()]))
    field = vf.from_torch(module)
    assert isinstance(field, CallableField)
    with pytest.raises(vf.FieldError, match="from_torch reads"):
        vf.from_torch(module, exact=True)


@pytest.mark.parametrize(
    "activation", [nn.Hardtanh(), nn.ELU(2.0), nn.GELU("tanh"), nn.Softplus(2.0), nn.Softplus(1.0, 1.0)]
)
def test_activations_without_a_profile_are_evaluated(activation):
    assert isinstance(vf.from_torch(chain(DEEP, [nn.Tanh(), activation])), CallableField)


def test_what_the_graph_does_not_show_is_evaluated():
    """A change in place of what is read again later."""

    def formula(m, t, y):
        h = m.net[0](y)
        g = functional.relu(h, inplace=True)
        return m.net[4](torch.tanh(m.net[2](g))) + 0.1 * h @ m.net[0].weight

    module = ODEFunc(formula, chain(DEEP, [nn.Tanh(), nn.Tanh()]))
    assert isinstance(vf.from_torch(module), CallableField)


def test_nested_containers_module_lists_identities_and_linear_layers_in_a_row():
    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            inner = nn.Sequential(nn.Sequential(nn.Linear(3, 6), nn.Dropout(0.5)), nn.Linear(6, 5))
            self.layers = nn.ModuleList([inner, nn.Identity(), nn.Linear(5, 4, bias=False)])
            self.last = nn.Linear(4, 3)

        def forward(self, y):
            for layer in self.layers:
                y = torch.tanh(layer(y))
            return self.last(y)

    module = Layers().eval()
    field = vf.from_torch(module)
    assert [len(b) for b in field.biases] == [5, 5, 4, 3]
    assert_same_field(field, module)


def test_the_field_of_hidden_layers_of_one_kind_is_the_ridge_sum():
    rng = np.random.default_rng(0)
    W, b, V, c, A = (rng.normal(size=shape) for shape in ((5, 2), 5, (2, 5), 2, (2, 2)))
    layered, ridge = vf.LayeredField([W, V], [b, c], "gelu", A), vf.RidgeField(V.T, W, b, "gelu", A, c)
    x = rng.normal(size=(50, 2))
    np.testing.assert_allclose(layered(0.0, x), ridge(0.0, x), rtol=1e-13, atol=1e-13)


def test_the_formula():
    field = vf.LayeredField([[[2.0]], [[3.0], [1.0]], [[1.0, -1.0]]], [[1], [0, 1], [5]], ["power2", "relu"])
    # (2 x + 1)^2 = h, then relu(3 h) - relu(h + 1) + 5.
    np.testing.assert_array_equal(field(0.0, np.array([[0.0], [1.0]])), [[6.0], [22.0]])
    assert repr(field) == "LayeredField(dim=1, widths=[1, 2], profiles=[power2, relu])"


def test_arrays_are_copied_and_locked():
    W = np.eye(2)
    field = vf.LayeredField([W, W], [[0, 0], [0, 0]], "tanh")
    W[0, 0] = 7
    assert field.weights[0][0, 0] == 1
    for array in (*field.weights, *field.biases, field.A):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_inputs_are_held():
    W = np.eye(3)
    last = np.diag([1.0, 0.0, 0.0])
    assert vf.LayeredField([W, W, last], [np.zeros(3)] * 3, "tanh").held == 2
    assert vf.LayeredField([W, W, last], [np.zeros(3)] * 2 + [[0, 1, 0]], "tanh").held == 1
    assert vf.LayeredField([W, W, last], [np.zeros(3)] * 3, "tanh", np.diag([0, 0, 1.0])).held == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (([], [], []), "weights must be matrices, at least one"),
        (([[1.0]], [[1.0]], []), "weights must be matrices"),
        (([np.eye(2), np.eye(2)], [[0, 0]], "tanh"), "need a bias for each row"),
        (([np.eye(2), np.eye(2)], [[0, 0], [0]], "tanh"), "need a bias for each row"),
        (([np.ones((3, 2)), np.eye(2)], [[0, 0, 0], [0, 0]], "tanh"), "layer 2 .* reads 2 numbers, but .* 3"),
        (([np.ones((3, 2)), np.eye(3)], [[0] * 3, [0] * 3], "tanh"), "map dimension 2 to 3"),
        (([np.eye(2), np.eye(2)], [[0, 0], [0, 0]], ["tanh"] * 2), "1 hidden layers but 2 profiles"),
        (([np.eye(2), np.eye(2)], [[0, 0], [0, 0]], "tan"), "unknown profile 'tan'"),
        (([np.eye(2), np.eye(2)], [[0, 0], [0, 0]], "tanh", np.eye(3)), r"needs A \(2, 2\), got \(3, 3\)"),
        (([np.eye(2), np.eye(2)], [[0, 0], [0, np.nan]], "tanh"), "biases of layer 2 must be finite"),
        (([np.eye(2), [["a"]]], [[0, 0], [0, 0]], "tanh"), "weights of layer 2 must be an array"),
    ],
)
def test_refusals(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        vf.LayeredField(*arguments)


def test_forms_of_different_layers_do_not_add():
    y, tanh = LayeredForm.state(2), get_profile("tanh")
    once = y.activate(tanh)
    twice, other = once.activate(tanh), once.activate(tanh)
    assert y.plus(twice).field().A.tolist() == twice.plus(y).field().A.tolist() == [[1, 0], [0, 1]]
    for p, q in ((once, twice), (twice, once), (twice, other)):
        with pytest.raises(ValueError, match="different layers"):
            p.plus(q)
    with pytest.raises(ValueError, match="is no layer"):
        twice.plus(y).activate(tanh)
    with pytest.raises(vf.FieldError, match="hidden layer 1 has neurons of different kinds: sin, tanh"):
        once.plus(y.activate(get_profile("sin"))).activate(tanh).field()


def test_the_field_goes_where_others_go():
    field = vf.from_torch(chain(DEEP, [nn.Tanh(), nn.Tanh()]))
    target = vf.FlowMap(field, 0.3, vf.Box([-1, -1], [1, 1]))
    with pytest.raises(vf.FieldError, match="is a LayeredField: functions of functions"):
        vf.compile(target, tol=0.1, method="split")
    both = vf.PiecewiseField([field, vf.LayeredField([np.eye(2)], [[1.0, 0.0]], [])], [0.1])
    switched = vf.FlowMap(both, 0.3, target.domain)
    # The second piece is x' = x + (1, 0): its flow for the time 0.2 is in closed form.
    x = target.domain.uniform(10, seed=0)
    expected = np.exp(0.2) * target.until(0.1)(x) + np.array([np.expm1(0.2), 0.0])
    np.testing.assert_allclose(switched(x), expected, rtol=0, atol=1e-8)
