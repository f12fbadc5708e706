"""Every zoo system against its equations written out in numpy, and the loading of systems by name."""

import subprocess
import sys

import numpy as np
import pytest

from vanillaflow import Box, FieldError, RidgeField, System, zoo

DIMENSIONS = {
    "pendulum": 2,
    "van_der_pol": 2,
    "duffing": 2,
    "lotka_volterra": 2,
    "fitzhugh_nagumo": 2,
    "brusselator": 2,
    "spiral_node": 2,
    "hopfield": 3,
    "lorenz": 3,
    "kuramoto": 5,
    "fput": 16,
    "allen_cahn": 64,
}
# The fewest pieces known: one per function of one form, three cubes for x^2 y, four squares for xy and xz.
RIDGES = {
    "pendulum": 1,
    "van_der_pol": 3,
    "duffing": 1,
    "lotka_volterra": 2,
    "fitzhugh_nagumo": 1,
    "brusselator": 5,
    "spiral_node": 50,
    "hopfield": 3,
    "lorenz": 4,
    "kuramoto": 10,
    "fput": 9,
    "allen_cahn": 64,
}


def pendulum(x, y):
    return [y, -np.sin(x) - 0.2 * y]


def van_der_pol(x, y):
    return [y, (1 - x**2) * y - x]


def duffing(x, y):
    return [y, x - x**3 - 0.3 * y]


def lotka_volterra(x, y):
    return [x * (1 - y), y * (x - 1)]


def fitzhugh_nagumo(v, w):
    return [v - v**3 / 3 - w + 0.5, 0.08 * (v + 0.7 - 0.8 * w)]


def brusselator(x, y):
    return [1 + x**2 * y - 2.5 * x, 1.5 * x - x**2 * y]


def spiral_node(x, y):
    data = np.load(zoo.__path__[0] + "/spiral_node.npz", allow_pickle=False)
    W1, b1 = data["net.0.weight"].astype(float), data["net.0.bias"].astype(float)
    W2, b2 = data["net.2.weight"].astype(float), data["net.2.bias"].astype(float)
    return list((np.tanh(np.stack([x, y], axis=1) @ W1.T + b1) @ W2.T + b2).T)


def hopfield(*x):
    W = np.array([[1.5, -1.2, 0.4], [1.2, 1.5, -0.6], [-0.4, 0.6, 1.5]])
    return list(-np.array(x) + W @ np.tanh(x))


def lorenz(x, y, z):
    return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]


def kuramoto(*theta):
    omega = [-1, -0.5, 0, 0.5, 1]
    return [omega[i] + sum(np.sin(theta[j] - theta[i]) for j in range(5)) / 5 for i in range(5)]


def fput(*state):
    q, p = [0, *state[:8], 0], state[8:]

    def pull(i):
        r = q[i] - q[i - 1]
        return r + 0.3 * r**3

    return [*p, *(pull(i + 1) - pull(i) for i in range(1, 9))]


def allen_cahn(*u):
    dx = 4 / 64
    return [0.01 * (u[(i + 1) % 64] - 2 * u[i] + u[i - 1]) / dx**2 + u[i] - u[i] ** 3 for i in range(64)]


BY_HAND = [
    pendulum,
    van_der_pol,
    duffing,
    lotka_volterra,
    fitzhugh_nagumo,
    brusselator,
    spiral_node,
    hopfield,
    lorenz,
    kuramoto,
    fput,
    allen_cahn,
]


def test_names_are_the_systems_of_the_table():
    assert zoo.names() == list(DIMENSIONS) == [f.__name__ for f in BY_HAND]


@pytest.mark.parametrize("by_hand", BY_HAND, ids=lambda f: f.__name__)
def test_field_is_the_equations_written_by_hand(by_hand):
    system = zoo.load(by_hand.__name__)
    x = system.domain.sample(200)
    expected = np.stack(by_hand(*x.T), axis=1)
    # Polarization forms differences of powers as large as the field: a few dozen roundings.
    scale = 1 + np.abs(expected).max()
    np.testing.assert_allclose(system.field(0.0, x), expected, rtol=0, atol=1e-14 * scale)


@pytest.mark.parametrize("name", DIMENSIONS)
def test_systems_are_complete(name):
    system = zoo.load(name)
    assert isinstance(system, System) and isinstance(system.field, RidgeField)
    assert system.name == name
    assert system.field.dim == system.domain.dim == len(system.variables) == DIMENSIONS[name]
    assert system.field.ridges == RIDGES[name]
    assert system.equations and all("'" in line for line in system.equations)
    assert getattr(zoo, name).__doc__
    target = system.target()
    assert target.name == name and target.duration == system.duration
    y = target(system.domain.corners()[:4])  # the flow exists from the corners on
    assert np.all(np.isfinite(y))


@pytest.mark.parametrize(
    ("name", "low", "high", "duration"),
    [
        ("pendulum", [-2, -2], [2, 2], 1),
        ("duffing", [-1.5, -1.5], [1.5, 1.5], 1),
        ("lotka_volterra", [0.2, 0.2], [2, 2], 1),
        ("fitzhugh_nagumo", [-2, -1], [2, 2], 2),
        ("spiral_node", [-2, -2], [2, 2], 0.25),
        ("lorenz", [-10, -10, 15], [10, 10, 35], 0.1),
        ("fput", [-0.5] * 16, [0.5] * 16, 1),
        ("allen_cahn", [-1] * 64, [1] * 64, 0.5),
    ],
)
def test_boxes_and_durations(name, low, high, duration):
    system = zoo.load(name)
    assert system.domain == Box(low, high)
    assert system.duration == duration


def test_spiral_node_learned_the_inner_spiral():
    angle = np.linspace(0, 2 * np.pi, 40)
    x = 0.8 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    spiral = x**3 @ np.array([[-0.1, 2.0], [-2.0, -0.1]])
    # A trained net, not an exact one: this tells the right layout of the weights from a wrong one.
    assert np.sqrt(np.mean((zoo.spiral_node().field(0.0, x) - spiral) ** 2)) < 0.25
    assert np.sqrt(np.mean(spiral**2)) > 0.5


def test_fput_conserves_energy():
    system = zoo.fput()
    x = system.domain.sample(8)

    def energy(state):
        q, p = state[:, :8], state[:, 8:]
        r = np.diff(q, axis=1, prepend=0, append=0)
        return (p**2).sum(axis=1) / 2 + (r**2 / 2 + 0.3 * r**4 / 4).sum(axis=1)

    # The solver's 1e-10 times the energy's gradient, of size 1 in 16 variables.
    np.testing.assert_allclose(energy(system.target()(x)), energy(x), rtol=1e-9)
    assert np.all(system.field.mu == 0)


def test_sizes_can_be_chosen():
    assert zoo.kuramoto(n=3).field.ridges == 3
    assert zoo.fput(particles=2).field.dim == 4
    assert zoo.allen_cahn(d=16).field.dim == 16
    assert zoo.load("fput").field.dim == 16


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: zoo.kuramoto(1), "kuramoto n must be a whole number of at least 2, got 1"),
        (lambda: zoo.fput(0), "fput particles must be a whole number of at least 1, got 0"),
        (lambda: zoo.fput(2.5), "whole number of at least 1, got 2.5"),
        (lambda: zoo.allen_cahn(True), "allen_cahn d must be a whole number"),
        (lambda: zoo.load("pendulm"), "there is no zoo system 'pendulm'; did you mean 'pendulum'?"),
        (lambda: zoo.load("zzz"), "there is no zoo system 'zzz'; known are pendulum, van_der_pol"),
        (lambda: zoo.load(3), "there is no zoo system 3; known are"),
        (lambda: zoo.load(["lorenz"]), "there is no zoo system"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_requests_are_refused(make, message):
    with pytest.raises(FieldError) as error:
        make()
    assert message in str(error.value)


def test_systems_without_equations_text_do_not_need_sympy():
    code = (
        "import sys, vanillaflow as vf\n"
        "[vf.zoo.load(n) for n in ('spiral_node', 'kuramoto', 'fput', 'allen_cahn')]\n"
        "assert 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
