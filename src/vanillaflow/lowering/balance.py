"""Balance: scale the hidden neurons so that no weight matrix is worse conditioned than it must be.

A leaky ReLU commutes with positive factors, so that W_l -> S_(l+1) W_l S_l^-1, b_l -> S_(l+1) b_l with
positive diagonal S_l, the identity at input and output, leaves the network's function as it is. In log S both
|W_l|_F^2 and |W_l^-1|_F^2 are sums of exponentials of linear forms; so is the sum over the layers of
(|W_l|_F |W_l^-1|_F)^2, which is therefore convex, and its minimum is found from any start.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from ..network import FeedforwardNetwork

_ITERATIONS = 100


def balanced(network: FeedforwardNetwork) -> FeedforwardNetwork:
    """The same function with every hidden neuron scaled for the conditioning of the weights around it."""
    depth, d = network.depth, network.width
    if depth == 0 or d == 1:
        return network
    squares = network.weights**2
    inverse_squares = np.linalg.inv(network.weights) ** 2

    def objective(u: Float[np.ndarray, " n"]) -> tuple[float, Float[np.ndarray, " n"]]:
        # log S at input, hidden layers, output.
        logs = np.zeros((depth + 2, d))
        logs[1:-1] = u.reshape(depth, d)
        ratio = np.exp(2 * (logs[1:, :, None] - logs[:-1, None, :]))
        forward, backward = squares * ratio, inverse_squares / ratio.transpose(0, 2, 1)
        sizes, inverse_sizes = forward.sum(axis=(1, 2)), backward.sum(axis=(1, 2))
        # d sizes / d logs: 2 row sums after, -2 column sums before the layer; the inverse the other way.
        after = 2 * (inverse_sizes[:, None] * forward.sum(axis=2) - sizes[:, None] * backward.sum(axis=1))
        before = 2 * (sizes[:, None] * backward.sum(axis=2) - inverse_sizes[:, None] * forward.sum(axis=1))
        return float(np.sum(sizes * inverse_sizes)), (after[:-1] + before[1:]).ravel()

    found = minimize(
        objective, np.zeros(depth * d), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS}
    )
    scale = np.ones((depth + 2, d))
    scale[1:-1] = np.exp(found.x.reshape(depth, d))
    return FeedforwardNetwork(
        scale[1:, :, None] * network.weights / scale[:-1, None, :],
        scale[1:] * network.biases,
        network.slopes,
        domain=network.domain,
        provenance=network.provenance,
    )
