"""A proof is about data: what is called must be what they say; and nothing takes longer than it may."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.certificates.agreement import Certain
from vanillaflow.certificates.certificate import Finding
from vanillaflow.certificates.rigorous import _consistent

BOX = vf.Box([-1, -1], [1, 1])
STILL = vf.PlanarFlow.identity(2, BOX)
NUMBERS = (np.eye(2), np.eye(2), np.zeros(2), "tanh")
LAYERS = ([np.eye(2), np.eye(2)], [np.zeros(2), np.zeros(2)], "tanh")


def lying(kind, change):
    """A subclass whose call gives something else."""

    def call(self, *arguments):
        return change(kind.__call__(self, *arguments), *arguments)

    return type(f"Lying{kind.__name__}", (kind,), {"__call__": call})


def target(field):
    return vf.FlowMap(field, 0.5, BOX)


def function_with_another_formula():
    formula = vf.from_equations({"x": "exp(-x**2)", "y": "0"}).profiles[0].formula
    mine = vf.Profile(
        "mine", lambda z: np.exp(-z * z) + 0.01, lambda z: -2 * z * np.exp(-z * z), formula=formula
    )
    return target(vf.RidgeField(*NUMBERS[:3], mine))


def changed_afterwards():
    field = vf.RidgeField(*NUMBERS)
    field(0.0, np.zeros((1, 2)))
    field.a = 1.01 * field.a
    return target(field)


def other_equations():
    field = vf.from_equations({"x": "sin(x*y)", "y": "x*t"})
    field.expressions = (field.expressions[0], 1.01 * field.expressions[1])
    return target(field)


def other_solver():
    honest = target(vf.RidgeField(*NUMBERS))
    honest._solve = lambda solver, x, t0, t1: x + 1.0
    return honest


def in_time(v, t, x):
    return v + t


LIARS = {
    "FlowMap": lambda: lying(vf.FlowMap, lambda y, x: y + 5)(vf.RidgeField(*NUMBERS), 0.5, BOX),
    "RidgeField": lambda: target(lying(vf.RidgeField, lambda v, t, x: 100 + 0 * x)(*NUMBERS)),
    "LayeredField": lambda: target(lying(vf.LayeredField, in_time)(*LAYERS)),
    "PiecewiseField": lambda: target(lying(vf.PiecewiseField, in_time)([vf.RidgeField(*NUMBERS)] * 2, [0.2])),
    "piece": lambda: target(
        vf.PiecewiseField([vf.RidgeField(*NUMBERS), lying(vf.RidgeField, in_time)(*NUMBERS)], [0.2])
    ),
    "formula": function_with_another_formula,
    "attribute": changed_afterwards,
    "equations": other_equations,
    "solver": other_solver,
}


@pytest.mark.parametrize("name", LIARS)
def test_targets_whose_calls_are_not_their_data_are_refused(name):
    kinds = ("FlowMap", "RidgeField", "LayeredField", "PiecewiseField", "piece")
    why = "Lying" if name in kinds else r"at the point \(.*\), gives .* disagree"
    with pytest.raises(vf.FieldError, match=why):
        vf.certify(STILL, LIARS[name](), "rigorous", max_cells=200)


@pytest.mark.parametrize("kind", [vf.PlanarFlow, vf.FeedforwardNetwork])
def test_networks_whose_calls_are_not_their_numbers_are_refused(kind):
    honest = target(vf.RidgeField(*NUMBERS))
    still = vf.PlanarFlow.identity(2, BOX)
    network = still if kind is vf.PlanarFlow else still.to_network("relu")
    object.__setattr__(network, "__class__", lying(kind, lambda y, x: y + 1))
    with pytest.raises(vf.FieldError, match="Lying"):
        vf.certify(network, honest, "rigorous", max_cells=200)
    none = np.zeros((0, 2))
    changed = vf.PlanarFlow(none, none, [], [0], np.eye(2)[None], np.zeros((1, 2)), BOX)
    changed(np.zeros((1, 2)))
    object.__setattr__(changed, "m", changed.m + 0.1)
    with pytest.raises(vf.FieldError, match="disagree"):
        vf.certify(changed, honest, "rigorous", max_cells=200)


def test_a_proof_never_contradicts_what_was_found():
    found = Finding("sampled", 2.0, np.full(2, 2.0), np.zeros(2), 0.0, 1, 2.0)
    assert _consistent(3.0, found, Certain(1.9, 2.1)) == 2.0
    # The solver was off by more than the bound is above the error: what is certain is less.
    assert _consistent(1.5, found, Certain(1.4, 1.6)) == 1.4
    for certain in (Certain(1.9, 2.1), Certain(np.nan, np.nan)):
        with pytest.raises(vf.FieldError, match="disagree"):
            _consistent(1.5, found, certain)


def test_a_loose_solver_does_not_contradict_the_proof():
    loose = vf.FlowMap(vf.from_equations({"x": "y", "y": "-x"}), 3.0, BOX, rtol=1e-3)
    turn = np.array([[np.cos(3), np.sin(3)], [-np.sin(3), np.cos(3)]])
    network = vf.FeedforwardNetwork([turn], [np.zeros(2)], np.zeros(0), domain=BOX)
    certificate = vf.certify(network, loose, "rigorous", max_cells=500, goal=1e-7)
    assert certificate.largest <= certificate.bound <= 1e-7


def relu_layers():
    rng = np.random.default_rng(0)
    shapes = [(16, 2), (16, 16), (2, 16)]
    return target(
        vf.LayeredField([rng.normal(size=s) / 2 for s in shapes], [np.zeros(s[0]) for s in shapes], "relu")
    )


def switching(*times):
    turn = vf.RidgeField([[0, 2.0]], [[1, 0]], [0], "cos")
    fields = [turn, vf.RidgeField(*NUMBERS)]
    return target(vf.PiecewiseField([fields[i % 2] for i in range(len(times) + 1)], times))


@pytest.mark.parametrize(
    "slow", [relu_layers, lambda: switching(*np.linspace(1e-3, 0.49, 40)), vf.zoo.allen_cahn().target]
)
def test_a_proof_ends_in_time(slow):
    slow = slow()
    limit = 0.3
    certificate = vf.certify(
        vf.PlanarFlow.identity(slow.dim, slow.domain), slow, "rigorous", max_seconds=limit
    )
    assert certificate.largest <= certificate.bound


@pytest.mark.parametrize("times", [(1e-300,), (5e-324,), (0.3, np.nextafter(0.3, 1))])
def test_switches_that_are_next_to_each_other_cost_nothing(times):
    certificate = vf.certify(STILL, switching(*times), "rigorous", factor=1.5)
    assert certificate.largest <= certificate.bound <= 1.5 * certificate.largest * (1 + 1e-9)
