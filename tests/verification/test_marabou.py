"""Verdicts beside Marabou's, of the same network and the same VNN-LIB files. The extra `verify` has it."""

import numpy as np
import pytest

import vanillaflow as vf

_PROPERTIES = 20


@pytest.mark.parametrize("dialect", ["relu", "leaky_relu"])
def test_verdicts_agree(dialect, tmp_path):
    """Ours is "holds" if, and only if, Marabou finds the widened property unsatisfiable."""
    marabou = pytest.importorskip("maraboupy.Marabou", reason="maraboupy is not installed (extra verify)")
    target = vf.zoo.fitzhugh_nagumo().target()
    flow = vf.compile(target, 1e-2)
    assert flow.kinks >= 60
    network = flow.to_network(dialect)
    certificate = vf.certify(network, target, "rigorous", dtype="float32")
    network.to_onnx(tmp_path / "net.onnx", certificate=certificate)
    rng = np.random.default_rng(0)
    said = []
    for i in range(_PROPERTIES):
        low = target.domain.low + 0.6 * rng.random(2) * target.domain.width
        box = vf.Box(low, np.minimum(low + rng.uniform(0.05, 0.4) * target.domain.width, target.domain.high))
        row = rng.normal(size=2)
        row /= np.abs(row).sum()
        excess = (0.05, -0.05, 0.025, -0.02, 0.004)[i % 5]
        top = (target(np.concatenate([box.sample(4096), box.corners()])) @ row).max()
        prop = vf.Property.always(box, [row], [top + excess], f"property {i}")
        verdict = vf.verify(network, target, prop, certificate)
        path = tmp_path / f"{i}.vnnlib"
        vf.write_vnnlib(prop.widened(certificate.per_output), path)
        code = solved(marabou, tmp_path / "net.onnx", vf.read_vnnlib(path))
        assert (verdict.status == "holds") == (code == "unsat")
        assert (verdict.status in ("violated", "unknown")) == (code == "sat")
        said.append(verdict.status)
    assert {"holds", "violated"} <= set(said)


def solved(marabou, network, prop) -> str:
    """Whether Marabou finds a start of the one unsafe set whose image under the network is in it."""
    (unsafe,) = prop.unsafe
    query = marabou.read_onnx(str(network))
    inputs, outputs = query.inputVars[0].ravel(), query.outputVars[0].ravel()
    for variable, low, high in zip(inputs, unsafe.box.low, unsafe.box.high):
        query.setLowerBound(variable, low)
        query.setUpperBound(variable, high)
    for row, bound in zip(unsafe.A, unsafe.b):
        query.addInequality([int(v) for v in outputs], [float(v) for v in row], float(bound))
    code, _, _ = query.solve(verbose=False, options=marabou.createOptions(verbosity=0, timeoutInSeconds=120))
    return code
