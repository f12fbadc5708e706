"""Laws of the descent between two Gauss-Newton matrices: exact on quadratics, never uphill."""

import numpy as np
import pytest

from vanillaflow.constructions.refine.least_squares.least_squares import minimize
from vanillaflow.constructions.refine.least_squares.quasi_newton import Point, descend
from vanillaflow.constructions.refine.parameters import Parameters
from vanillaflow.sampling.samples import Samples


class Quadratic:
    """(q - q*)^T A (q - q*) / 2 in the affine parameters q = (M, m) of a flow without kinks."""

    def __init__(self, d: int, condition: float, rng: np.random.Generator):
        size = d * (d + 1)
        Q, _ = np.linalg.qr(rng.normal(size=(size, size)))
        self.A = (Q * np.geomspace(1, condition, size)) @ Q.T
        self.minimum = rng.normal(size=size)
        none = np.zeros((0, d))
        self.start = Parameters(none, none, np.zeros(0), np.eye(d), np.zeros(d))
        self.values: list[float] = []

    def at(self, theta: Parameters) -> Point:
        apart = theta.pack() - self.minimum
        self.values.append(float(apart @ self.A @ apart) / 2)
        return Point(theta, self.values[-1], apart[:, None])

    def gradient(self, point: Point) -> np.ndarray:
        return self.A @ point.residual[:, 0]

    def descended(self, inverse, steps: int) -> Point:
        """From a first short step against the gradient."""
        first = self.at(self.start)
        then = self.at(self.start.move(-1e-3 * self.gradient(first)))
        return descend(first, then, self.at, self.gradient, inverse, steps, lambda: False)


@pytest.mark.parametrize("d", [1, 2, 4])
def test_the_true_inverse_needs_one_step(d):
    problem = Quadratic(d, 100.0, np.random.default_rng(d))
    end = problem.descended(lambda b: np.linalg.solve(problem.A, b), 1)
    assert np.allclose(end.parameters.pack(), problem.minimum, rtol=0, atol=1e-10)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_gradients_make_up_for_a_poor_inverse(d):
    """With a multiple of the identity it is L-BFGS, which converges where descent would crawl."""
    problem = Quadratic(d, 100.0, np.random.default_rng(d))
    before = problem.at(problem.start).value
    end = problem.descended(lambda b: b / 100.0, 20 * d * (d + 1))
    assert end.value < 1e-8 * before


def test_never_uphill_whatever_the_inverse():
    begins = Quadratic(2, 10.0, np.random.default_rng(0)).descended(lambda b: b, 0).value
    for wrong in (lambda b: -b, lambda b: 1e3 * b, lambda b: b[::-1].copy()):
        end = Quadratic(2, 10.0, np.random.default_rng(0)).descended(wrong, 5)
        assert end.value <= begins
    nowhere = Quadratic(2, 10.0, np.random.default_rng(0)).descended(lambda b: np.nan * b, 5)
    assert nowhere.value == begins


@pytest.mark.parametrize("seed", range(3))
def test_descent_lowers_a_fit_further(seed):
    """For the same count of matrices, least squares with descent ends lower than without."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(1500, 2))
    y = np.stack([np.sin(2 * x[:, 0] + x[:, 1]), np.cos(x[:, 0] - x[:, 1])], axis=1)
    w = rng.normal(size=(10, 2))
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    start = Parameters(np.zeros((10, 2)), w, rng.uniform(-1, 1, 10), np.eye(2), np.zeros(2))
    without = minimize(start, Samples(x, y), 2.0, 15, np.random.default_rng(0), descent=0)
    with_descent = minimize(without.parameters, Samples(x, y), 2.0, 15, np.random.default_rng(0))
    further = minimize(without.parameters, Samples(x, y), 2.0, 15, np.random.default_rng(0), descent=0)
    assert with_descent.norm <= without.norm
    assert with_descent.norm < 1.02 * further.norm
