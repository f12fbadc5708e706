"""Families of planar maps: sampling anew, the derivative in their coefficients, the fit, and the search."""

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow.constructions.construction import never
from vanillaflow.constructions.refine.families.families import Families
from vanillaflow.constructions.refine.families.fit import _Compression, fit_families
from vanillaflow.constructions.refine.families.search import best_families, refit
from vanillaflow.constructions.refine.least_squares.gradient_kernels import transposed_product
from vanillaflow.constructions.refine.parameters import project
from vanillaflow.constructions.refine.ridge_start import ridge_start
from vanillaflow.constructions.ridge.fit import fit_ridges
from vanillaflow.runtime.threads import own_threads
from vanillaflow.sampling.samples import p_norm, sample


def random_families(d: int, counts: tuple[int, ...], held: int = 0, seed: int = 0) -> Families:
    """Families that turn and vary as straight lines do."""
    rng = np.random.default_rng(seed)
    a, w, t = [], [], []
    for count in counts:
        for size in (count // 2, count - count // 2):
            tau = (2 * np.arange(size) + 1)[:, None] / size - 1
            a.append((0.3 * rng.normal(size=d) + 0.1 * tau * rng.normal(size=d)) / size)
            w.append(rng.normal(size=d) + 0.3 * tau * rng.normal(size=d))
            t.append(0.5 * tau[:, 0])
    M, m = np.eye(d) + 0.1 * rng.normal(size=(d, d)), 0.1 * rng.normal(size=d)
    return Families(project(*map(np.concatenate, (a, w, t)), M, m, held), counts)


@pytest.fixture(scope="module")
def pendulum():
    """Smooth fits of the pendulum as 40 kinks, the best first, and samples."""
    target = vf.zoo.pendulum().target()
    with own_threads():
        fits = [fit for count in (2, 3) for fit in fit_ridges(target, count, 1e-4, 0, never)]
    return [ridge_start(fit, 40) for fit in fits], sample(target, 3000, 0)


@pytest.mark.parametrize(("d", "held"), [(1, 0), (2, 0), (3, 0), (3, 1)])
def test_the_gradient_in_the_coefficients_is_the_derivative(d, held):
    families = random_families(d, (7, 4), held)
    theta = families.parameters
    rng = np.random.default_rng(1)
    x, u = rng.normal(size=(60, d)), rng.normal(size=(60, d))
    compression = _Compression(theta, families.bases(2))
    whole = transposed_product(x, theta.a, theta.w, theta.t, theta.M, u)
    gradient = compression.compress(whole)
    direction, h = rng.normal(size=gradient.size), 1e-7

    def value(step: float) -> float:
        return float(np.sum(u * theta.move(compression.expand(step * direction))(x)))

    difference = (value(h) - value(-h)) / (2 * h)
    assert np.isclose(gradient @ direction, difference, rtol=1e-5, atol=1e-5 * np.linalg.norm(gradient))


@pytest.mark.parametrize(("d", "held"), [(2, 0), (3, 0), (3, 1)])
def test_the_matrix_is_that_of_the_differences(d, held):
    families = random_families(d, (6, 5), held)
    theta = families.parameters
    rng = np.random.default_rng(2)
    x, weights = rng.normal(size=(50, d)), rng.uniform(size=(50, d))
    compression = _Compression(theta, families.bases(1))
    H = compression.matrix(x, weights)
    assert np.allclose(H, H.T)
    direction, h = rng.normal(size=len(H)), 1e-7
    ahead, back = (theta.move(compression.expand(s * direction))(x) for s in (h, -h))
    expected = np.sum(weights * ((ahead - back) / (2 * h)) ** 2)
    # The matrix is of float32.
    assert np.isclose(direction @ H @ direction, expected, rtol=1e-4)


def test_sampled_anew_they_do_nearly_the_same():
    families = random_families(2, (40, 20))
    x = np.random.default_rng(3).uniform(-1, 1, size=(500, 2))
    assert np.allclose(families.resample((40, 20)).parameters(x), families.parameters(x), rtol=0, atol=1e-12)
    other = families.scale(120)
    assert other.counts == (80, 40)
    # Twice the kinks: what differs are the sawteeth, of the bends' size times their width.
    moved = np.abs(families.parameters(x) - random_families(2, (40, 20), seed=1).parameters(x)).max()
    assert np.abs(other.parameters(x) - families.parameters(x)).max() < 0.02 * moved


@pytest.mark.parametrize("kinks", [9, 10, 23, 61])
def test_every_number_can_be_had(kinks):
    scaled = random_families(2, (30, 2, 7)).scale(kinks)
    assert sum(scaled.counts) == scaled.parameters.kinks == kinks
    assert min(scaled.counts) >= 2


def test_an_idle_pair_changes_nothing():
    families = random_families(2, (8, 6))
    x = np.random.default_rng(4).uniform(-1, 1, size=(200, 2))
    for at in range(3):
        wider = families.with_idle_pair(x, at, np.array([0.6, 0.8]), 5)
        assert wider.counts[at] == 5
        assert sum(wider.sizes) == wider.parameters.kinks == 19
        assert np.allclose(wider.parameters(x), families.parameters(x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("p", [2.0, 8.0])
def test_a_fit_lowers_the_norm(pendulum, p):
    starts, samples = pendulum
    for start in starts:
        before = p_norm(start.parameters(samples.x) - samples.y, p)
        families, norm = fit_families(start, samples, p, 5, 10)
        assert families.counts == start.counts
        assert norm < before
        assert norm == p_norm(families.parameters(samples.x) - samples.y, p)


def test_the_search_finds_better_ones_with_as_many(pendulum):
    starts, samples = pendulum
    fitted = [fit_families(start, samples, 2.0, 5, 20)[0] for start in starts]

    def large(families: Families) -> float:
        return p_norm(families.parameters(samples.x) - samples.y, 16)

    def maximum(families: Families) -> float:
        return float(np.abs(families.parameters(samples.x) - samples.y).max())

    def found() -> list[Families]:
        return best_families(fitted, 1e-3, 40, samples, np.random.default_rng(0), never)

    with own_threads():
        best, again = found(), found()
        assert all(sum(families.counts) == 40 for families in best)
        assert np.array_equal(best[0].parameters.pack(), again[0].parameters.pack())
        assert large(best[0]) < min(map(large, fitted))
        assert maximum(refit(best[0], samples, never)) <= maximum(best[0])
    assert best_families([], 1e-3, 40, samples, np.random.default_rng(0), never) == []
