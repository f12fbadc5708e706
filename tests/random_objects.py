"""Random well-scaled flows and networks for the tests of the exports, and what rounding may cost them."""

import numpy as np

from vanillaflow import Box, FeedforwardNetwork, PlanarFlow
from vanillaflow.provenance import Provenance

PROVENANCE = Provenance(
    system="damped pendulum — θ",
    duration=1.25,
    method="refine",
    tolerance=1e-2,
    error=0.1 + 0.2,
    error_method="sampled",
    seconds=3.5,
    path=(("construct", 8, 0.5), ("refine", 8, 1 / 3)),
)


def random_network(
    seed: int, d: int = 3, depth: int = 12, described: bool = True, dialect: str = "leaky_relu"
) -> FeedforwardNetwork:
    """Singular values in [0.7, 1.4], biases about 0.3, slopes in (0.05, 1] or, for relu, 0."""
    rng = np.random.default_rng(seed)
    n = d + (dialect == "relu" and depth > 0)
    left, right = np.linalg.qr(rng.standard_normal((2, depth + 1, n, n)))[0]
    weights = list(left * rng.uniform(0.7, 1.4, (depth + 1, 1, n)) @ right)
    biases = list(0.3 * rng.standard_normal((depth + 1, n)))
    weights[0] = weights[0][:, :d]
    weights[-1], biases[-1] = weights[-1][:d], biases[-1][:d]
    slopes = 1 - rng.uniform(0, 0.95, (depth, n) if dialect == "prelu" else depth)
    return FeedforwardNetwork(
        weights,
        biases,
        0 * slopes if dialect == "relu" else slopes,
        domain=Box(-np.ones(d), rng.uniform(0.5, 2, d)) if described else None,
        provenance=PROVENANCE if described else None,
        dialect=dialect,
    )


def random_flow(
    seed: int, d: int = 3, kinks: int = 10, affine: int = 2, described: bool = True
) -> PlanarFlow:
    """Unit w, kappa log-uniform in [0.3, 3], and affine maps near the identity at random stops."""
    rng = np.random.default_rng(seed)
    w = rng.standard_normal((kinks, d))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    a = 0.3 * rng.standard_normal((kinks, d))
    kappa = np.exp(rng.uniform(np.log(0.3), np.log(3), kinks))
    a += (kappa - 1 - np.einsum("ld,ld->l", a, w))[:, None] * w
    return PlanarFlow(
        a,
        w,
        rng.uniform(-1, 1, kinks),
        stops=np.sort(rng.integers(0, kinks + 1, affine)),
        M=np.eye(d) + 0.2 * rng.uniform(-1, 1, (affine, d, d)) / d,
        m=rng.standard_normal((affine, d)),
        domain=Box(-np.ones(d), rng.uniform(0.5, 2, d)) if described else None,
        provenance=PROVENANCE if described else None,
    )


def rounding_bound(network: FeedforwardNetwork, x: np.ndarray, dtype: str) -> np.ndarray:
    """(n, d) bounds on what evaluating the network in `dtype` costs at the rows of x.

    Layer by layer, to first order in eps: an incoming error e becomes |W| e, as the activation does not
    amplify it. The d products and d additions of a row err by (d + 1) eps of |W| |y| + |b|, rounding W and
    b themselves by one eps more, and rounding the slope and multiplying by it by two. The factor 2 pays for
    the terms of second order and for the float64 reference.
    """
    eps, d = np.finfo(dtype).eps, network.width
    error, y = eps * np.abs(x), x
    for layer in range(network.depth + 1):
        W, b = np.abs(network.weights[layer]), network.biases[layer]
        error = error @ W.T + (d + 4) * eps * (np.abs(y) @ W.T + np.abs(b))
        y = y @ network.weights[layer].T + b
        if layer < network.depth:
            y = np.maximum(y, network.slopes[layer] * y)
    return 2 * error


def assert_same_network(left: FeedforwardNetwork, right: FeedforwardNetwork) -> None:
    """Equal to the bit, with what they know of themselves."""
    for name in ("weights", "biases", "slopes"):
        for one, other in zip(getattr(left, name), getattr(right, name), strict=True):
            assert one.tobytes() == other.tobytes(), name
            assert one.shape == other.shape, name
    assert left.slopes.shape == right.slopes.shape
    assert left.domain == right.domain
    assert left.provenance == right.provenance
    assert left.dialect == right.dialect


def assert_same_flow(left: PlanarFlow, right: PlanarFlow) -> None:
    """Equal to the bit, with what they know of themselves."""
    for name in ("a", "w", "t", "stops", "M", "m"):
        assert getattr(left, name).tobytes() == getattr(right, name).tobytes(), name
        assert getattr(left, name).shape == getattr(right, name).shape, name
    assert left.domain == right.domain
    assert left.provenance == right.provenance
