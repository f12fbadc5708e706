"""Balance: scale the hidden neurons so that no weight matrix is worse conditioned than it must be.

ReLUs, leaky or not, commute with positive factors, so that W_l -> S_(l+1) W_l S_l^-1, b_l -> S_(l+1) b_l
with positive diagonal S_l, the identity at input and output, leaves the network's function as it is. In log S
both |W_l|_F^2 and |W_l^-1|_F^2 are sums of exponentials of linear forms; so is the sum over the layers of
(|W_l|_F |W_l^-1|_F)^2, which is therefore convex, and its minimum is found from any start.

Where W_l is not invertible, as in the dialect relu, its pseudoinverse at S = 1 stands for W_l^-1. Scaled, it
is still a generalized inverse, none of which is smaller than the pseudoinverse: so the sum bounds that of the
condition numbers, which are those on the complements of the kernels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from ..network.feedforward import FeedforwardNetwork

# Each costs the exponential of every weight.
_ITERATIONS, _EXPONENTIALS = 100, 2 * 10**8


def equilibrate(network: FeedforwardNetwork) -> FeedforwardNetwork:
    """The same function with every hidden neuron scaled for the conditioning of the weights around it."""
    depth, n = network.depth, network.width
    if depth == 0 or n == 1:
        return network
    squares, inverse_squares = np.zeros((depth + 1, n, n)), np.zeros((depth + 1, n, n))
    for layer, W in enumerate(network.weights):
        rows, columns = W.shape
        squares[layer, :rows, :columns] = W**2
        inverse_squares[layer, :columns, :rows] = _inverse(W, network.dim) ** 2

    def objective(u: Float[np.ndarray, " n"]) -> tuple[float, Float[np.ndarray, " n"]]:
        # log S at input, hidden layers, output.
        logs = np.zeros((depth + 2, n))
        logs[1:-1] = u.reshape(depth, n)
        ratio = np.exp(2 * (logs[1:, :, None] - logs[:-1, None, :]))
        forward, backward = squares * ratio, inverse_squares / ratio.transpose(0, 2, 1)
        sizes, inverse_sizes = forward.sum(axis=(1, 2)), backward.sum(axis=(1, 2))
        # d sizes / d logs: 2 row sums after, -2 column sums before the layer; the inverse the other way.
        after = 2 * (inverse_sizes[:, None] * forward.sum(axis=2) - sizes[:, None] * backward.sum(axis=1))
        before = 2 * (sizes[:, None] * backward.sum(axis=2) - inverse_sizes[:, None] * forward.sum(axis=1))
        return float(np.sum(sizes * inverse_sizes)), (after[:-1] + before[1:]).ravel()

    iterations = min(_ITERATIONS, _EXPONENTIALS // squares.size)
    found = minimize(
        objective, np.zeros(depth * n), jac=True, method="L-BFGS-B", options={"maxiter": iterations}
    )
    one = np.ones(network.dim)
    scale = [one, *np.exp(found.x.reshape(depth, n)), one]
    weights = [after[:, None] * W / before for W, before, after in zip(network.weights, scale, scale[1:])]
    biases = [after * b for b, after in zip(network.biases, scale[1:])]
    return replace(network, weights=tuple(weights), biases=tuple(biases))


def _inverse(W: Float[np.ndarray, "m n"], rank: int) -> Float[np.ndarray, "n m"]:
    """The pseudoinverse of a matrix of that rank."""
    if W.shape == (rank, rank):
        return np.linalg.inv(W)
    left, singular, right = np.linalg.svd(W, full_matrices=False)
    return (right[:rank].T / singular[:rank]) @ left[:, :rank].T
