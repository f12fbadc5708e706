"""A certificate holds for its own network and system; any other, and any that claims more, is refused."""

import numpy as np
import pytest
from certificate_cases import entries, signed

import vanillaflow as vf
from vanillaflow.certificates.certificate_file import from_json
from vanillaflow.certificates.statistical import fresh_points

EQUATIONS = {"x": "y", "y": "-sin(x)"}
BOX = vf.Box([-1, -0.5], [1, 1])
TARGET = vf.FlowMap(vf.from_equations(EQUATIONS), 0.5, BOX, name="mild")
# No flow of this system is meant: the error of any network is as good as another's.
NETWORK = vf.PlanarFlow(
    [[0.1, 0.2], [0.3, -0.4]], [[1.0, 0.5], [-0.5, 1.0]], [0.1, -0.2], [0], [[[0.9, 0.45], [-0.4, 0.9]]],
    [[0.01, 0.02]], domain=BOX,
).to_network()  # fmt: skip
SAMPLED = vf.certify(NETWORK, TARGET, "sampled", seed=1)
PLAIN = vf.certify(NETWORK, TARGET, "statistical", seed=1, points=2000)
COVERING = vf.certify(NETWORK, TARGET, "statistical", seed=1, points=2000, confidence=0.99, coverage=0.95)
CERTIFICATES = {"sampled": SAMPLED, "largest": PLAIN, "coverage": COVERING}


def forged(certificate, **changes):
    """The certificate with other entries, signed anew and read as from a file."""
    return from_json(signed(entries(certificate) | changes))


def refuse(certificate, match, network=NETWORK, target=TARGET, **options):
    with pytest.raises(vf.CertificateRefused, match=match) as refusal:
        certificate.check(network, target, **options)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", CERTIFICATES)
@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_honest_certificates_hold(kind, seed):
    said = CERTIFICATES[kind].check(NETWORK, TARGET, seed=seed)
    assert said.endswith(".") and (seed is None or f"with seed {seed}, " in said)


def test_honest_certificates_of_float32_hold():
    for method in ("sampled", "statistical"):
        certificate = vf.certify(NETWORK, TARGET, method, dtype="float32")
        certificate.check(NETWORK, TARGET, seed=3)
        certificate.check(NETWORK, TARGET, dtype="float32", seed=3)
        refuse(certificate, "it is of a network in float32, and this one is in float64", dtype="float64")
        refuse(
            certificate, "another network: a PlanarFlow is evaluated in float64", vf.PlanarFlow.identity(2)
        )
        vast = vf.FeedforwardNetwork([1e300 * np.eye(2)], [[0, 0]], [])
        refuse(certificate, "another network: the weights of layer 0 overflow float32", vast)


@pytest.mark.parametrize("kind", CERTIFICATES)
@pytest.mark.parametrize("part", ["weights", "biases", "slopes"])
def test_one_number_nudged(kind, part):
    arrays = {name: np.array(getattr(NETWORK, name)) for name in ("weights", "biases", "slopes")}
    arrays[part].flat[0] = np.nextafter(arrays[part].flat[0], 0)
    refuse(CERTIFICATES[kind], "it belongs to another network", vf.FeedforwardNetwork(**arrays, domain=BOX))


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_another_system(kind):
    other = vf.from_equations({"x": "y", "y": "-sin(x) + 1e-6*y"})
    for target, match in (
        (vf.FlowMap(other, 0.5, BOX, name="other"), "it belongs to another system, 'mild': the field of"),
        (vf.FlowMap(TARGET.field, 0.6, BOX), "another system: the duration of this one is 0.6, not 0.5"),
        (vf.FlowMap(TARGET.field, 0.5, vf.Box([-1, -0.5], [1, 0.9])), "another system: the box"),
    ):
        refuse(CERTIFICATES[kind], match, target=target)


LIES = {
    "bound": lambda c: {"bound": 0.99 * c.bound},
    "largest": lambda c: {"largest": 0.99 * c.largest},
    "both": lambda c: {"bound": 0.9 * c.bound, "largest": 0.9 * c.largest},
    "worst_point": lambda c: {"worst_point": c.box.center.tolist()},
    "first output": lambda c: {"per_output": [0.9 * c.per_output[0], c.per_output[1]]},
    "second output": lambda c: {"per_output": [c.per_output[0], 0.9 * c.per_output[1]]},
    "confidence": lambda c: {"confidence": 1 - (1 - c.confidence) / 10},
    "coverage": lambda c: {"coverage": 1 - (1 - c.coverage) / 2},
    "fewer points": lambda c: {"points": 1},
    "network_hash": lambda c: {"network_hash": "0" * 64},
    "system_hash": lambda c: {"system_hash": c.network_hash},
    "duration": lambda c: {"duration": 0.4},
    "box": lambda c: {"box": {"low": [-1.0, -0.5], "high": [1.0, 1.1]}},
    "dtype": lambda c: {"dtype": "float32"},
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("kind", ["largest", "coverage"])
def test_statistical_claims_beyond_the_truth(kind, lie):
    """Signed anew, so that only measuring tells."""
    certificate = CERTIFICATES[kind]
    refuse(forged(certificate, **LIES[lie](certificate)), None, seed=0)


@pytest.mark.parametrize(
    "lie", ["both", "worst_point", "network_hash", "system_hash", "duration", "box", "dtype"]
)
def test_sampled_claims_beyond_the_truth(lie):
    refuse(forged(SAMPLED, **LIES[lie](SAMPLED)), None, seed=0)


def test_a_sampled_bound_with_a_witness_but_without_a_search():
    """A true error, at a true point, but not the largest: a search finds more."""
    x = BOX.center
    error = np.abs(NETWORK(x[None]) - TARGET(x[None]))[0]
    lie = {"bound": error.max(), "largest": error.max(), "per_output": error, "worst_point": x}
    lie = {name: np.asarray(value).tolist() for name, value in lie.items()}
    refuse(forged(SAMPLED, **lie), "fresh points, with seed 0, .* has an error of .*, above its", seed=0)


def test_a_lucky_seed():
    """Seeds were tried until one missed the error, on 0.5 % of the box: its own points confirm it, new ones
    do not."""
    nothing = np.zeros((0, 1))
    still = vf.FlowMap(vf.RidgeField(nothing, nothing, [], []), 1.0, vf.Box([0], [1]))
    flow = vf.PlanarFlow([[1.0]], [[1.0]], [0.995])
    seed = next(seed for seed in range(10_000) if fresh_points(still, 1000, seed)[0].max() < 0.995)
    lucky = vf.certify(flow, still, "statistical", points=1000, confidence=0.5, seed=seed)
    assert lucky.bound == lucky.largest == 0
    assert 1 - lucky.coverage < 0.001
    for seed in range(3):
        refuse(
            lucky,
            "of 65535 new points, with seed .*, have an error above its bound of 0, too many",
            flow,
            still,
            seed=seed,
        )


def test_harmless_differences_are_not_refused():
    """A weaker claim is true as well; names, versions and times are nobody's business."""
    for change in (
        {"bound": 2 * COVERING.bound},
        {"coverage": 0.9},
        {"confidence": 0.9},
        {"system": "my pendulum", "version": "9", "seconds": 0.0, "reference": "a crystal ball"},
    ):
        assert forged(COVERING, **change).check(NETWORK, TARGET, seed=0)


def test_refusals_are_errors_that_a_user_can_act_on():
    assert issubclass(vf.CertificateRefused, vf.VanillaflowError)
    with pytest.raises(ValueError, match="seed must be a whole number"):
        PLAIN.check(NETWORK, TARGET, seed=-1)
