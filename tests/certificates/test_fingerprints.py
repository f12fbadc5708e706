"""Hashes of networks and systems: the same for the same thing, however it is described, and no other."""

import numpy as np
import pytest

import vanillaflow as vf
from flow_cases import random_flow
from vanillaflow.certificates.fingerprints import network_hash, system_hash
from vanillaflow.export.onnx import network_from_onnx

BOX = vf.Box([-1, -1], [1, 2])
# x'' = -sin x - 0.2 x', in four ways.
EQUATIONS = {"x": "y", "y": "-sin(x) - 0.2*y"}


def pendulum(t, x):
    return np.stack([x[:, 1], -np.sin(x[:, 0]) - 0.2 * x[:, 1]], axis=1)


SAME = {
    "ridges": vf.from_equations(EQUATIONS),
    "callable": vf.from_callable(pendulum, 2),
    "parameters": vf.from_equations({"x": "y", "y": "-sin(x) - d*y"}, parameters={"d": 0.2}),
    "other words": vf.from_equations({"x": "y*cos(x)**2 + y*sin(x)**2", "y": "cos(x + pi/2) - y/5"}),
}
REFERENCE = vf.FlowMap(SAME["ridges"], 1.5, BOX)


def switching(time: float, last: float = -0.2) -> vf.FlowMap:
    nothing = np.zeros((0, 2))
    fields = [vf.RidgeField(nothing, nothing, [], [], A=[[0, 1], [k, 0]]) for k in (-1.0, -2.0, last)]
    return vf.FlowMap(vf.PiecewiseField(fields, [time, 1.499]), 1.5, BOX)


def test_a_hash_is_64_hexadecimal_digits():
    for found in (network_hash(random_flow(1, 2, ["plain"])), system_hash(REFERENCE)):
        assert len(found) == 64 and set(found) <= set("0123456789abcdef")


@pytest.mark.parametrize("way", SAME)
def test_a_system_is_known_by_what_it_does(way):
    assert system_hash(vf.FlowMap(SAME[way], 1.5, BOX, name=way, rtol=1e-6)) == system_hash(REFERENCE)


OTHER = {
    "another parameter": vf.FlowMap(vf.from_equations({"x": "y", "y": "-sin(x) - 0.2000001*y"}), 1.5, BOX),
    "a term": vf.FlowMap(vf.from_equations({"x": "y", "y": "-sin(x) - 0.2*y + 1e-6*x**3"}), 1.5, BOX),
    "a forcing": vf.FlowMap(vf.from_equations({"x": "y", "y": "-sin(x) - 0.2*y + 1e-6*sin(t)"}), 1.5, BOX),
    "the other way": vf.FlowMap(vf.from_equations({"y": "-sin(x) - 0.2*y", "x": "y"}), 1.5, BOX),
    "duration": vf.FlowMap(SAME["ridges"], 1.6, BOX),
    "box": vf.FlowMap(SAME["ridges"], 1.5, vf.Box([-1, -1], [1, 2.01])),
}


@pytest.mark.parametrize("change", OTHER)
def test_another_system_has_another_hash(change):
    assert system_hash(OTHER[change]) != system_hash(REFERENCE)


def test_switching_fields():
    assert system_hash(switching(0.7)) == system_hash(switching(0.7))
    hashes = [system_hash(switching(0.7)), system_hash(switching(0.71)), system_hash(switching(0.7, -0.3))]
    # Also in a piece that lasts a thousandth of the time.
    assert len(set(hashes)) == 3


def test_rounding_does_not_enter():
    """A field that is off by some 1e-14, as on another machine, has the same hash."""

    def on_machine(k):
        def rounded(t, x):
            v = pendulum(t, x)
            return v * (1 + 1e-14 * np.sin(1e6 * v + k)) + 1e-16

        return vf.FlowMap(rounded, 1.5, BOX)

    for k in range(20):
        assert system_hash(on_machine(k)) == system_hash(REFERENCE)


def test_a_coordinate_that_rounding_moves_is_at_rest():
    def noisy(t, x):
        return np.stack([x[:, 0], 1e-17 * np.sin(1e6 * x[:, 1])], axis=1)

    exact = vf.FlowMap(lambda t, x: x * [1.0, 0.0], 1.0, BOX)
    assert system_hash(vf.FlowMap(noisy, 1.0, BOX)) == system_hash(exact)
    # But nothing is lost on a coordinate that is slow by a factor of a million and more.
    slow = [vf.FlowMap(lambda t, x, c=c: x * [1.0, c], 1.0, BOX) for c in (1e-7, 1.0001e-7)]
    assert system_hash(slow[0]) != system_hash(slow[1])


def test_undefined_and_infinite_values_count():
    def where(value):
        return vf.FlowMap(lambda t, x: np.where(x > 0.9, value, x), 1.0, vf.Box([0, 0], [1, 1]))

    assert len({system_hash(where(value)) for value in (np.nan, np.inf, -np.inf, 0.95)}) == 4
    assert system_hash(where(np.nan)) == system_hash(where(np.nan))


@pytest.mark.parametrize("name", vf.zoo.names())
def test_the_zoo(name):
    found = system_hash(vf.zoo.load(name).target())
    assert found == system_hash(vf.zoo.load(name).target())
    others = (system_hash(vf.zoo.load(other).target()) for other in vf.zoo.names() if other != name)
    assert found not in others


def test_a_flow_without_a_field():
    x = BOX.sample(64)
    by_samples = [vf.FlowMap.from_samples(x, c * x, BOX) for c in (0.5, 0.5, 0.5001)]
    hashes = [system_hash(target) for target in by_samples]
    assert hashes[0] == hashes[1] != hashes[2]


def test_every_number_of_a_network_counts(tmp_path):
    network = random_flow(2, 2, ["plain"] * 4, affine=1).to_network()
    found = network_hash(network)
    assert network_hash(vf.FeedforwardNetwork(network.weights, network.biases, network.slopes)) == found
    for i in range(3):
        arrays = [np.array(part) for part in (network.weights, network.biases, network.slopes)]
        arrays[i].flat[-1] = np.nextafter(arrays[i].flat[-1], 0)
        assert network_hash(vf.FeedforwardNetwork(*arrays)) != found
    # The numbers as they are in the file, also where they are rounded.
    network.to_onnx(tmp_path / "n.onnx")
    rounded = network_hash(network, "float32")
    assert rounded == network_hash(network_from_onnx(tmp_path / "n.onnx"), "float32") != found
    network.save(tmp_path / "n.safetensors")
    assert network_hash(vf.load(tmp_path / "n.safetensors")) == found


def test_every_number_of_a_flow_counts(tmp_path):
    flow = random_flow(3, 2, ["plain"] * 4, affine=2)
    found = network_hash(flow)
    flow.save(tmp_path / "f.safetensors")
    assert network_hash(vf.load(tmp_path / "f.safetensors")) == found
    assert network_hash(flow.to_network()) != found
    names = ("a", "w", "t", "stops", "M", "m")
    for name in names:
        arrays = {each: np.array(getattr(flow, each)) for each in names}
        if name == "stops":
            arrays[name][-1] = 4 if arrays[name][-1] < 4 else 3
        else:
            arrays[name].flat[-1] = np.nextafter(arrays[name].flat[-1], 0)
        assert network_hash(vf.PlanarFlow(**arrays)) != found
    with pytest.raises(
        ValueError, match="a PlanarFlow is evaluated in float64; for float32 take its network"
    ):
        network_hash(flow, "float32")
