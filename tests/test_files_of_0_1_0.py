"""Files that version 0.1.0 wrote load, and say the same: flows, networks, certificates, half a proof.

They are of `vf.compile(TARGET, 1e-2, "split")`: the flow, its network in each dialect, certificates of its
leaky-ReLU network in float32 by each method, alone and inside ONNX files. `proof.checkpoint` is of a proof of
the flow in `proved.safetensors` with `factor=1.002`, which `max_seconds=0.1` ended.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.choices import CERTIFICATION_METHODS
from vanillaflow.export.onnx import network_from_onnx, read_onnx_metadata
from vanillaflow.network.dialects import DIALECTS

DATA = Path(__file__).parent / "data" / "0.1.0"
FIELD = vf.from_equations({"x": "y", "y": "-sin(x) - d*y"}, parameters={"d": 0.2})
TARGET = vf.FlowMap(FIELD, 0.5, vf.Box([-1, -1], [1, 1]), "pendulum")
X = TARGET.domain.sample(256)


@pytest.fixture(scope="module")
def flow() -> vf.PlanarFlow:
    return vf.load(DATA / "flow.safetensors")


def test_the_flow(flow):
    assert flow.domain == TARGET.domain and flow.provenance.version == "0.1.0" and flow.kinks == 4
    assert np.max(np.abs(flow(X) - TARGET(X))) <= flow.provenance.error <= 1e-2


@pytest.mark.parametrize("dialect", ["leaky_relu", "prelu", "relu"])
def test_networks(flow, dialect):
    network = vf.load(DATA / f"{dialect}.safetensors")
    assert network.dialect == dialect and dialect in DIALECTS
    np.testing.assert_allclose(network(X), flow(X), rtol=0, atol=1e-12)
    rounded = network_from_onnx(DATA / f"{dialect}.onnx")
    np.testing.assert_allclose(rounded(X), flow(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", CERTIFICATION_METHODS)
def test_certificates(method):
    certificate = vf.Certificate.load(DATA / f"{method}.json")
    assert certificate.method == method
    network = vf.load(DATA / "leaky_relu.safetensors")
    certificate.check(network, TARGET)
    inside = read_onnx_metadata(DATA / f"{method}.onnx")["certificate"]
    assert str(inside) == str(certificate)
    inside.check(network_from_onnx(DATA / f"{method}.onnx"), TARGET)


def test_a_proof_goes_on_from_its_checkpoint(tmp_path):
    checkpoint = tmp_path / "proof.checkpoint"
    shutil.copy(DATA / "proof.checkpoint", checkpoint)
    flow = vf.load(DATA / "proved.safetensors")
    certificate = vf.certify(flow, TARGET, "rigorous", factor=1.002, checkpoint=checkpoint)
    assert certificate.bound <= 1.002 * certificate.largest and not checkpoint.exists()
