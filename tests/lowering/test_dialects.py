"""Laws of every dialect: the network equals its flow, and so do its exports."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from agreement import rounding, worst_disagreement
from flow_cases import KINDS, flows, inside_and_outside, random_flow
from vanillaflow import Box, PlanarFlow
from vanillaflow.box import search_points
from vanillaflow.export.onnx import network_from_onnx
from vanillaflow.lowering.dialects import read_dialect
from vanillaflow.network.dialects import DIALECTS
from vanillaflow.planar.shears import LEAST_COSINE, cosines
from zoo_cases import NAMES, compiled, lowered

BOUNDED = settings(deadline=None, max_examples=40)


@pytest.mark.parametrize("dialect", DIALECTS)
@BOUNDED
@given(flows(), st.integers(0, 99))
def test_equals_its_flow_on_the_box(dialect, flow, seed):
    network = flow.to_network(dialect)
    x = flow.domain.sample(256, seed)
    assert worst_disagreement(flow, network, 512, rounds=4, seed=seed) <= max(1e-9, rounding(network, x))
    assert network.dialect == dialect and network.dim == flow.dim
    assert network.width == flow.dim + (dialect == "relu" and network.depth > 0)
    assert network.domain == flow.domain and network.provenance == flow.provenance


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_map(kind, dialect):
    for d in (1, 2, 5):
        flow = random_flow(d, d, [kind, "plain", kind], affine=2)
        network = flow.to_network(dialect)
        worst = worst_disagreement(flow, network, 2048, rounds=6, seed=d)
        assert worst <= max(1e-9, rounding(network, flow.domain.sample(256)))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", NAMES)
def test_equals_its_flow_on_the_zoo(name, dialect, tmp_path):
    """As it is computed here and in ONNX Runtime."""
    flow = compiled(name)
    network = lowered(name, dialect)
    points = 4096 if flow.dim <= 16 else 512
    assert worst_disagreement(flow, network, points, rounds=8, seed=3) <= 1e-9
    network.to_onnx(tmp_path / "double.onnx", "float64")
    x = search_points(flow.domain, points, seed=4)
    session = onnxruntime.InferenceSession(tmp_path / "double.onnx")
    assert np.abs(session.run(None, {"x": x})[0] - flow(x)).max() <= 1e-9


@BOUNDED
@given(flows(), st.integers(0, 99))
def test_prelu_equals_its_flow_everywhere(flow, seed):
    """Without a domain, and at points up to a thousand times as far out as the box reaches."""
    free = PlanarFlow(flow.a, flow.w, flow.t, flow.stops, flow.M, flow.m)
    network = free.to_network("prelu")
    x = inside_and_outside(flow.domain, 64, seed)
    for far in (x, 1000 * x):
        error = np.abs(network(far) - flow(far)).max()
        # What is 1e-9 on the box is that of the points' size outside it.
        assert error <= max(1e-9 * max(1, np.abs(far).max()), rounding(network, far))


def test_prelu_has_slope_one_where_it_only_passes_on():
    flow = random_flow(0, 4, ["plain"] * 6)
    cosine = cosines(flow)
    network = flow.to_network("prelu")
    assert network.slopes.shape == (network.depth, 4)
    assert network.depth >= 6 + np.count_nonzero(cosine < LEAST_COSINE)
    np.testing.assert_array_equal(network.slopes[:, 1:], 1)
    assert np.all(network.slopes[:, 0] < 1)


def test_relu_takes_one_layer_a_map_and_one_neuron_more():
    flow = random_flow(0, 3, ["plain", "shear", "near shear", "still", "translation", "strong shear"])
    network = flow.to_network("relu")
    assert (network.depth, network.width) == (4, 4)
    assert [W.shape for W in network.weights] == [(4, 3), (4, 4), (4, 4), (4, 4), (3, 4)]
    np.testing.assert_array_equal(network.slopes, np.zeros(4))
    # Between the layers the matrices have rank d.
    assert all(np.linalg.svd(W, compute_uv=False)[3] < 1e-12 for W in network.weights[1:-1])
    assert 1 <= network.condition_numbers().max() < 1e3


@pytest.mark.parametrize("dialect", DIALECTS)
def test_flows_without_kinks_are_one_matrix(dialect):
    flow = random_flow(1, 3, ["still", "translation"], affine=1)
    network, x = flow.to_network(dialect), flow.domain.sample(64)
    assert (network.depth, network.width, network.dialect) == (0, 3, dialect)
    np.testing.assert_allclose(network(x), flow(x), rtol=0, atol=1e-12)


# A mixture with shears, in three dimensions, and one with d = 1: what the exports are tried on.
FLOWS = {
    "mixed": random_flow(5, 3, ["plain", "shear", "plain", "near shear", "translation", "plain"], affine=2),
    "line": random_flow(6, 1, ["plain"] * 4, affine=1),
    "affine": random_flow(7, 2, [], affine=1),
    "packed": PlanarFlow(
        -0.5 * np.eye(4), np.eye(4), np.linspace(-0.5, 0.5, 4), domain=Box(-np.ones(4), np.ones(4))
    ),
}
NODES = {"leaky_relu": {"LeakyRelu", "PRelu"}, "prelu": {"PRelu"}, "relu": {"Relu"}}
MODULES = {"leaky_relu": torch.nn.LeakyReLU, "prelu": torch.nn.PReLU, "relu": torch.nn.ReLU}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("case", FLOWS)
def test_exports_agree_and_come_back(case, dialect, tmp_path):
    flow = FLOWS[case]
    network, x = flow.to_network(dialect), flow.domain.sample(512)
    network.to_onnx(tmp_path / "double.onnx", "float64")
    network.to_onnx(tmp_path / "single.onnx")
    network.save(tmp_path / "file")
    nodes = {node.op_type for node in onnx.load(tmp_path / "double.onnx").graph.node} - {"Gemm"}
    assert nodes <= NODES[dialect] and (nodes or network.depth == 0)
    session = onnxruntime.InferenceSession(tmp_path / "double.onnx")
    np.testing.assert_allclose(session.run(None, {"x": x})[0], flow(x), rtol=0, atol=1e-9)
    session = onnxruntime.InferenceSession(tmp_path / "single.onnx")
    single = session.run(None, {"x": x.astype(np.float32)})[0]
    # The same bound as in float64, for numbers of 24 bits.
    allowed = rounding(network, x) * float(np.finfo(np.float32).eps / np.finfo(float).eps)
    assert np.abs(single - flow(x)).max() <= allowed
    module = network.to_torch("float64")
    assert {type(m) for m in module} <= {torch.nn.Linear, MODULES[dialect]}
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.from_numpy(x)).numpy(), flow(x), rtol=0, atol=1e-9)
    for back in (network_from_onnx(tmp_path / "double.onnx"), vf.load(tmp_path / "file")):
        assert back.dialect == dialect and back.domain == network.domain
        for name in ("weights", "biases", "slopes"):
            for one, other in zip(getattr(back, name), getattr(network, name), strict=True):
                np.testing.assert_array_equal(one, other)


def test_dialects_by_name():
    assert read_dialect("prelu") == ("prelu", None)
    assert read_dialect(" leaky_relu ", 0.3) == ("leaky_relu", 0.3)
    assert read_dialect("leaky_relu(0.25)") == ("leaky_relu", 0.25)
    assert read_dialect("leaky_relu (1e-2)", 0.01) == ("leaky_relu", 0.01)
    flow = PlanarFlow([[-0.75, 0.1]], [[1.0, 0.0]], [0.0], domain=Box([-1, -1], [1, 1]))
    assert flow.to_network("leaky_relu(0.25)").slopes.tolist() == [0.25]


@pytest.mark.parametrize(
    ("dialect", "slope", "said"),
    [
        ("gelu", None, r"unknown dialect 'gelu'; known are leaky_relu, prelu, relu and leaky_relu\(SLOPE\)"),
        ("", None, "unknown dialect ''"),
        ("prelu(0.5)", None, "unknown dialect"),
        ("leaky_relu(steep)", None, "slope of the dialect 'leaky_relu\\(steep\\)' is not a number"),
        ("leaky_relu(nan)", None, "is not a number"),
        ("leaky_relu(0.5)", 0.4, "contradict"),
        ("prelu", 0.5, "the dialect prelu takes no slope"),
        ("relu", 0.5, "the dialect relu takes no slope"),
        ("leaky_relu", 1.5, r"must be in \(0, 1\], got 1.5"),
    ],
)
def test_refusals(dialect, slope, said):
    with pytest.raises(ValueError, match=said):
        random_flow(0, 2, ["plain"] * 3).to_network(dialect, slope)


@pytest.mark.parametrize("dialect", ["leaky_relu", "relu"])
def test_needs_a_domain(dialect):
    with pytest.raises(ValueError, match="lowering needs the domain"):
        random_flow(0, 2, ["plain"] * 3)[1:].to_network(dialect)
