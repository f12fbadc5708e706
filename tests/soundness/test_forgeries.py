"""Certificates that claim less than there is are refused, whoever made network, system and numbers."""

from dataclasses import replace
from itertools import islice

import attack_forgeries
import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.certificates.certificate import contradiction
from vanillaflow.certificates.measurement import PART, Measurement
from vanillaflow.certificates.resolution import rounding
from vanillaflow.network.precision import in_precision

BOX = vf.Box([-1, -1], [1, 1])
PENDULUM = vf.FlowMap(vf.from_equations({"x": "y", "y": "-sin(x)"}), 0.5, BOX, name="pendulum")
METHODS = ("sampled", "statistical", "rigorous")


def claiming(certificate: vf.Certificate, claim: float, **changes) -> vf.Certificate:
    """The certificate with every error replaced by a claim."""
    lie = {"bound": claim, "largest": claim, "per_output": np.full(certificate.box.dim, claim)}
    return replace(certificate, **lie | changes)


def certificate_of(network, target, method: str, dtype: str = "float64") -> vf.Certificate:
    """Of the errors found; as if proved for a rigorous one, of which only the refusal is of interest."""
    if method == "statistical":
        return vf.certify(network, target, method, dtype=dtype, points=256)
    found = vf.certify(network, target, "sampled", dtype=dtype, points=64, rounds=0)
    return found if method == "sampled" else replace(found, method="rigorous", confidence=1.0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("dtype", "height"), [("float32", 1e11), ("float64", 1e14)])
@pytest.mark.parametrize("corner", ["low", "high"])
def test_a_spike_at_a_corner_forgives_nothing(method, dtype, height, corner):
    w = np.array([1.0, 1.0]) if corner == "high" else np.array([-1.0, -1.0])
    spike = vf.PlanarFlow([[height, -height]], w[None], [w @ getattr(BOX, corner) - 1e-4], domain=BOX)
    network = spike.to_network("relu")
    true = certificate_of(network, PENDULUM, method, dtype)
    x = BOX.uniform(1, 5)[0]
    for lie in (claiming(true, 1e-6), claiming(true, 1e-6, worst_point=x)):
        with pytest.raises(vf.CertificateRefused, match="the error at its worst point is"):
            lie.check(network, PENDULUM, seed=1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", [1e-9, 1e7, 1e9])
def test_a_coordinate_in_other_units_forgives_nothing(method, unit):
    """The identity, for a flow that moves only x: its errors are known, e^-1 - 1 times x, and 0 for p."""
    box = vf.Box([-1, 0], [1, unit])
    target = vf.FlowMap(vf.from_equations({"x": "-x", "p": "0*p"}), 1.0, box, name="mixed")
    network = vf.PlanarFlow.identity(2, box).to_network("relu")
    true = certificate_of(network, target, method, "float32")
    for lie in (claiming(true, 1e-6), replace(true, per_output=np.array([0.5, unit]))):
        with pytest.raises(vf.CertificateRefused):
            lie.check(network, target, seed=1)


@pytest.mark.parametrize("rtol", [1e-4, 1e-2, 0.5])
def test_a_loose_tolerance_forgives_nothing(rtol):
    loose = vf.FlowMap(PENDULUM.field, 0.5, BOX, rtol=rtol)
    network = vf.PlanarFlow.identity(2, BOX).to_network()
    true = certificate_of(network, loose, "sampled")
    x = BOX.uniform(4000, 3)
    errors = np.abs(network(x) - PENDULUM(x)).max(axis=1)
    nearest = x[np.argmin(np.abs(errors - 0.5 * true.bound))]
    lie = claiming(true, float(np.abs(nearest - loose(nearest[None])[0]).max()), worst_point=nearest)
    with pytest.raises(vf.CertificateRefused, match="fresh points"):
        lie.check(network, loose, seed=1)


@pytest.mark.parametrize("entry", ["per_output", "worst_point", "bound", "largest"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("method", METHODS)
def test_what_no_measurement_can_have_found(entry, value, method):
    network = vf.PlanarFlow.identity(2, BOX)
    true = certificate_of(network, PENDULUM, method)
    vector = np.full(2, 3 * value)
    lie = replace(true, **{entry: vector if entry in ("per_output", "worst_point") else value})
    assert contradiction(true) is None and contradiction(lie) is not None
    with pytest.raises(vf.CertificateRefused, match="it is none: "):
        lie.check(network, PENDULUM)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"coverage": 1e-6}, "its coverage is 1e-06: with one below 0.5"),
        ({"confidence": 1e-9}, "its confidence is 1e-09: with one below 0.5"),
        ({"per_output": np.zeros(1)}, "its per_output is not 2 finite numbers"),
        ({"points": 2.5}, "its points is not a whole number"),
        ({"seed": True}, "its seed is not a whole number"),
        ({"bound": 1e-3}, "its bound, 0.001, is below the largest error that it found"),
    ],
)
def test_statements_that_say_nothing(changes, why):
    network = vf.PlanarFlow.identity(2, BOX)
    true = vf.certify(network, PENDULUM, "statistical", points=256)
    with pytest.raises(vf.CertificateRefused, match=why):
        attack_forgeries.altered(true, **changes).check(network, PENDULUM)


def test_sums_within_a_network_that_rounding_does_not_survive():
    """The identity, by way of numbers of 1e12: in float64 its outputs are known to 1e-4."""
    huge = np.array([1e12, 1e12, 1e12])
    W = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    out = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    network = vf.FeedforwardNetwork([W, out], [huge, -out @ huge], [0.0], BOX, dialect="relu")
    still = vf.FlowMap(vf.from_equations({"x": "0*x", "y": "0*y"}), 1.0, BOX)
    true = certificate_of(network, still, "sampled")
    exact = network(np.zeros((1, 2)))
    assert np.all(exact == 0)
    with pytest.raises(vf.CertificateRefused, match=r"rounding in float64 moves the network's outputs by"):
        claiming(true, 0.0, worst_point=np.zeros(2)).check(network, still, seed=1)


@pytest.mark.parametrize("units", [(1.0, 1.0), (1e-9, 1e9), (1e9, 1e-9)])
def test_rounding_is_told_in_the_units_of_each_output(units):
    """Within a factor of what float32 does, to a network whose coordinates have any units."""
    units = np.array(units)
    rng = np.random.default_rng(0)
    a, w = 0.3 * rng.normal(size=(12, 2)), rng.normal(size=(12, 2))
    a -= np.minimum(0, np.sum(a * w, axis=1) + 0.5)[:, None] * w / np.sum(w**2, axis=1)[:, None]
    box = vf.Box(-units, units)
    plain = vf.PlanarFlow(a, w, rng.normal(size=12) / 2, domain=BOX).to_network()
    weights, biases = [*plain.weights], [*plain.biases]
    weights[0], weights[-1] = weights[0] / units, weights[-1] * units[:, None]
    biases[-1] = biases[-1] * units
    network = vf.FeedforwardNetwork(weights, biases, plain.slopes, box)
    target = vf.FlowMap(vf.from_equations({"x": "0*x", "y": "0*y"}), 1.0, box)
    x = box.uniform(500, 1).astype(np.float32).astype(np.float64)
    rounded = in_precision(network, "float32")
    twice = vf.FeedforwardNetwork(
        [W.astype(np.float32) for W in network.weights], [b.astype(np.float32) for b in network.biases],
        np.asarray(network.slopes).astype(np.float32).astype(np.float64), box,
    )  # fmt: skip
    actual = np.abs(rounded(x) - twice(x))
    told = rounding(network, "float32", target, x)
    typical = np.median(told, axis=0) / np.median(actual, axis=0)
    assert np.all((typical > 0.5) & (typical < 50))
    assert np.mean(actual <= 4 * told) > 0.99


def test_never_more_than_a_part_of_the_claim_is_forgiven():
    network = vf.PlanarFlow.identity(2, BOX).to_network()
    true = certificate_of(network, PENDULUM, "sampled", "float32")
    again = Measurement(true, network, PENDULUM, 1)
    claims = np.array([1e-12, 1e-6, 1e-1])
    assert np.all(again.forgiven(BOX.uniform(50, 2), claims) <= PART * claims)


@pytest.mark.parametrize("method", METHODS)
def test_a_search_for_forgeries(method):
    """Some of those of the benchmark, which looks for them for as long as it is given."""
    for kind, wrong, what in islice(attack_forgeries.attacks(method, seed=100), 8):
        assert not wrong, (kind, what, attack_forgeries.why)
