"""Laws of the refinement: exact derivatives, steps that preserve or improve, a shallower flow in the end."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import vanillaflow as vf
from vanillaflow import compiler
from vanillaflow.constructions.refine.growth import grow, states_and_adjoints
from vanillaflow.constructions.refine.least_squares import normal_matrix
from vanillaflow.constructions.refine.least_squares.gradient_kernels import (
    column_squares,
    product,
    transposed_product,
)
from vanillaflow.constructions.refine.least_squares.jacobian_kernels import scaled_jacobian
from vanillaflow.constructions.refine.least_squares.least_squares import minimize
from vanillaflow.constructions.refine.least_squares.normal_matrix import dense_matrix
from vanillaflow.constructions.refine.parameters import Parameters, project
from vanillaflow.constructions.refine.pruning import prune
from vanillaflow.constructions.refine.slices import affine_start, compose, sliced_start
from vanillaflow.sampling.samples import Samples, p_norm, sample
from vanillaflow.sampling.search import large_errors

DIMENSIONS = [1, 2, 3, 5]


def random_parameters(d: int, kinks: int, rng: np.random.Generator) -> Parameters:
    a, w = 0.4 * rng.normal(size=(kinks, d)), rng.normal(size=(kinks, d))
    M = np.eye(d) + 0.2 * rng.normal(size=(d, d))
    return project(a, w, rng.normal(size=kinks), M, rng.normal(size=d))


def axes(theta: Parameters) -> np.ndarray:
    """For each map every direction, not those only in which w turns."""
    return np.broadcast_to(np.eye(theta.dim), (theta.kinks, theta.dim, theta.dim)).copy()


def jacobian(theta: Parameters, x: np.ndarray) -> np.ndarray:
    """(n d, P), a row for each output of each point."""
    J = np.empty((theta.count, theta.dim, len(x)))
    scaled_jacobian(x, theta.a, theta.w, theta.t, theta.M, axes(theta), np.ones(x.shape), J)
    return J.transpose(2, 1, 0).reshape(x.size, theta.count)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_jacobian_is_the_derivative(d):
    rng = np.random.default_rng(d)
    theta = random_parameters(d, 7, rng)
    x = rng.normal(size=(100, d))  # More than a block.
    J = jacobian(theta, x)
    # The raw packing, without the projection of `moved`, so that the scale of w is a parameter too.
    L, h, base = theta.kinks, 1e-6, theta.pack()

    def at(vector):
        a, w, t, M, m = np.split(vector, np.cumsum([L * d, L * d, L, d * d]))
        return Parameters(a.reshape(L, d), w.reshape(L, d), t, M.reshape(d, d), m)(x)

    numeric = np.stack(
        [(at(base + h * e) - at(base - h * e)).ravel() / (2 * h) for e in np.eye(base.size)], axis=1
    )
    # Points within a step of some hyperplane see both sides; all others agree to rounding / h.
    state, _ = states_and_adjoints(x, theta.a, theta.w, theta.t, theta.M)
    height = np.einsum("lnd,ld->nl", state[:-1], theta.w) - theta.t
    clear = np.repeat(np.abs(height).min(axis=1) > 1e-3, d)
    assert clear.sum() > 50 * d
    assert np.allclose(J[clear], numeric[clear], rtol=0, atol=1e-7)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_adjoints_end_in_the_jacobian_of_the_flow(d):
    rng = np.random.default_rng(d)
    theta = random_parameters(d, 9, rng)
    x = rng.normal(size=(50, d))
    state, adjoint = states_and_adjoints(x, theta.a, theta.w, theta.t, theta.M)
    flow = theta.flow(vf.Box(-np.ones(d), np.ones(d)))
    assert np.allclose(adjoint[0], flow.jacobian(x), rtol=0, atol=1e-12)
    assert np.allclose(state[-1] @ theta.M.T + theta.m, flow(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_projection_scales_without_change_and_bounds_kappa(d):
    rng = np.random.default_rng(d)
    a, w, t = 3 * rng.normal(size=(30, d)), 3 * rng.normal(size=(30, d)), rng.normal(size=30)
    theta = project(a, w, t, np.eye(d), np.zeros(d))
    kappa = 1 + np.einsum("ld,ld->l", theta.a, theta.w)
    assert np.allclose(np.linalg.norm(theta.w, axis=1), 1, rtol=0, atol=1e-14)
    least, most = theta.settings.kappa_range
    assert np.all((kappa > least - 1e-12) & (kappa < most + 1e-12))
    x = rng.normal(size=(20, d))
    for k in np.flatnonzero((kappa > 0.11) & (kappa < 9.9)):
        plain = x + np.maximum(x @ w[k] - t[k], 0)[:, None] * a[k]
        part = Parameters(theta.a[k : k + 1], theta.w[k : k + 1], theta.t[k : k + 1], theta.M, theta.m)
        assert np.allclose(part(x), plain, rtol=0, atol=1e-11)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_reduced_coordinates_are_all_but_the_scale_of_w(d):
    rng = np.random.default_rng(d)
    theta = random_parameters(d, 9, rng)
    basis = np.concatenate([theta.w[:, None], theta.turns], axis=1)
    assert np.allclose(basis @ basis.transpose(0, 2, 1), np.eye(d), rtol=0, atol=1e-14)
    v = rng.normal(size=theta.count - theta.kinks)
    assert np.allclose(theta.reduce(theta.expand(v)), v, rtol=0, atol=1e-13)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_composed_is_the_composition(d):
    rng = np.random.default_rng(d)
    parts = [random_parameters(d, n, rng) for n in (3, 0, 2)]
    # Affine maps move to the end, where a changes to M^-1 a: kappa, and so the projection, is unaffected.
    x = rng.normal(size=(30, d))
    expected = x
    for part in parts:
        expected = part(expected)
    assert np.allclose(compose(parts)(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_products_agree_with_the_jacobian(d):
    rng = np.random.default_rng(d)
    theta = random_parameters(d, 7, rng)
    x, u = rng.normal(size=(2500, d)), rng.normal(size=(2500, d))
    J = jacobian(theta, x)
    arrays = (x, theta.a, theta.w, theta.t, theta.M)
    v = rng.normal(size=theta.count)
    assert np.allclose(product(*arrays, v).ravel(), J @ v, rtol=1e-11, atol=1e-11)
    assert np.allclose(transposed_product(*arrays, u), J.T @ u.ravel(), rtol=1e-11, atol=1e-11)
    squares = (np.abs(u).ravel()[:, None] * J**2).sum(axis=0)
    assert np.allclose(column_squares(*arrays, axes(theta), np.abs(u)), squares, rtol=1e-11, atol=1e-11)
    # float32, to rounding relative to the columns' sizes.
    H = dense_matrix(theta, x, np.abs(u))
    J = np.stack([theta.reduce(row) for row in J])
    exact = J.T @ (np.abs(u).ravel()[:, None] * J)
    size = np.sqrt(np.diag(exact)) + 1e-12
    assert np.abs((H - exact) / np.outer(size, size)).max() < 1e-5


def within_memory(theta, parameters):
    """The same, with a dense matrix for so many parameters at most."""
    settings = theta.settings
    least_squares = replace(settings.least_squares, most_dense_parameters=parameters)
    return replace(theta, settings=replace(settings, least_squares=least_squares))


def test_conjugate_gradients_solve_the_damped_system():
    rng = np.random.default_rng(1)
    theta = random_parameters(2, 6, rng)
    x = rng.normal(size=(200, 2))
    weights, b = rng.uniform(0.5, 1, size=(200, 2)), rng.normal(size=theta.count)
    dense = normal_matrix.normal_matrix(theta, x, weights).damp_by_diagonal()(0.5)(b)
    theta = within_memory(theta, 0)
    products = normal_matrix.normal_matrix(theta, x, weights).damp_by_diagonal()(0.5)(b)
    # Conjugate gradients end at a hundredth of the residual in the preconditioner's norm.
    assert np.linalg.norm(products - dense) < 0.1 * np.linalg.norm(dense)


@pytest.mark.parametrize("budget", [10**9, 0])
@pytest.mark.parametrize("p", [2.0, 8.0, 32.0])
def test_minimizing_never_raises_the_norm(p, budget):
    theta = within_memory(random_parameters(2, 6, np.random.default_rng(3)), budget)
    x = np.random.default_rng(4).normal(size=(300, 2))
    samples = Samples(x, np.tanh(x @ np.array([[1.0, 0.5], [-0.5, 1.0]])))
    start = p_norm(theta(x) - samples.y, p)
    norms = [minimize(theta, samples, p, n, np.random.default_rng(0)).norm for n in (0, 1, 3, 10)]
    assert norms[0] == pytest.approx(start, rel=1e-12)
    assert all(later <= earlier for earlier, later in pairwise(norms))
    assert norms[-1] < start


def test_a_start_that_runs_away_is_infinitely_bad():
    theta = random_parameters(2, 6, np.random.default_rng(3))
    theta = replace(theta, M=1e200 * theta.M)
    x = np.random.default_rng(4).normal(size=(300, 2))
    assert minimize(theta, Samples(x, x), 2.0, 3, np.random.default_rng(0)).norm == np.inf


def test_minimizing_recovers_a_flow_from_nearby():
    rng = np.random.default_rng(5)
    truth = random_parameters(2, 4, rng)
    x = rng.normal(size=(600, 2))
    near = truth.move(0.003 * rng.normal(size=truth.count))
    fit = minimize(near, Samples(x, truth(x)), 2.0, 60, rng)
    assert fit.norm < 1e-6 < p_norm(near(x) - truth(x), 2.0)


def test_the_p_norm_tends_to_the_maximum():
    r = np.random.default_rng(0).normal(size=(50, 2))
    norms = [p_norm(r, p) for p in (2.0, 8.0, 64.0, 1024.0)]
    assert norms == sorted(norms)
    assert norms[-1] == pytest.approx(np.abs(r).max(), rel=0.01)
    assert p_norm(np.array([[1.0, np.nan]]), 2.0) == np.inf


def test_growth_helps():
    rng = np.random.default_rng(2)
    x = rng.uniform(-1, 1, size=(800, 2))
    y = x + np.abs(x[:, :1] + 0.5 * x[:, 1:]) * np.array([0.3, -0.2])
    affine = affine_start(x, y)
    grown = grow(affine, Samples(x, y), 2, rng)
    assert grown.kinks == 2
    # One kink is the whole truth: the first step towards it already takes half of the error away.
    assert p_norm(grown(x) - y, 2.0) < 0.8 * p_norm(affine(x) - y, 2.0)
    assert minimize(grown, Samples(x, y), 2.0, 60, rng).norm < 0.02 * p_norm(affine(x) - y, 2.0)


def test_pruning_takes_out_what_does_nothing():
    rng = np.random.default_rng(7)
    truth = random_parameters(2, 5, rng)
    x = rng.normal(size=(800, 2))
    idle = truth.insert(np.array([2]), np.zeros((1, 2)), np.array([[0.6, 0.8]]), np.zeros(1))
    pruned = prune(idle, Samples(x, truth(x)), 1, rng)
    assert pruned.kinks == 5
    assert np.allclose(pruned(x), truth(x), rtol=0, atol=1e-6)


def test_the_search_finds_worse_points_than_the_samples():
    target = vf.zoo.pendulum().target()
    samples = sample(target, 200, 0)
    affine = affine_start(samples.x, samples.y)
    found, error = large_errors(affine, target, samples, 20, np.random.default_rng(0))
    assert error >= np.abs(affine(samples.x) - samples.y).max()
    assert np.abs(affine(found.x) - found.y).max() == pytest.approx(error, rel=1e-9)
    assert np.allclose(found.y, target(found.x), rtol=0, atol=1e-8)
    assert np.all((found.x >= target.domain.low) & (found.x <= target.domain.high))


def test_a_sliced_start_has_the_kinks_asked_for():
    target = vf.zoo.pendulum().target()
    for kinks, slices in ((1, 1), (2, 1), (7, 3), (12, 12)):
        assert sliced_start(target, kinks, slices, np.random.default_rng(0), 0).kinks == kinks


def test_refined_pendulum_is_shallower_than_split_and_within_tolerance():
    target = vf.zoo.pendulum().target()
    refined = vf.compile(target, tol=6e-2, method="refine")
    assert vf.certify(refined, target, seed=77).bound <= 6e-2 * 1.02  # another search than the compiler's
    assert refined.kinks < vf.compile(target, tol=6e-2, method="split").kinks
    network, x = refined.to_network(), target.domain.sample(5000, 3)
    assert np.allclose(network(x), refined(x), rtol=0, atol=1e-9)
    again = vf.compile(target, tol=6e-2, method="refine")
    assert np.array_equal(again.a, refined.a) and np.array_equal(again.t, refined.t)


def test_an_affine_flow_takes_no_kinks():
    field = vf.from_equations({"x": "y", "y": "-x - 0.2*y + sin(3*t)"})
    target = vf.FlowMap(field, 1.0, vf.Box([-1, -1], [1, 1]))
    flow = vf.compile(target, 1e-6)
    assert flow.kinks == 0
    network = flow.to_network()
    assert network.depth == 0
    assert vf.certify(network, target, seed=3).bound <= 1e-6


def test_refinement_needs_no_ridge_field():
    def field(t, x):
        return np.stack([x[:, 1], -x[:, 0] * np.exp(-(x[:, 1] ** 2))], axis=1)

    target = vf.FlowMap(field, duration=0.5, domain=vf.Box([-1, -1], [1, 1]))
    flow = vf.compile(target, tol=6e-2, method="refine")
    assert vf.certify(flow, target, seed=5).bound <= 6e-2 * 1.02


def test_too_few_kinks_raise_with_the_best_flow():
    target = vf.zoo.pendulum().target()
    with pytest.raises(vf.ToleranceNotReached, match=r"refinement reached .* with 3 kinks") as caught:
        vf.compile(target, tol=1e-3, method="refine", max_kinks=3)
    assert caught.value.flow is not None and caught.value.flow.kinks == 3 and caught.value.error > 1e-3


def test_the_time_limit_raises_with_the_best_flow(monkeypatch):
    # Stages end by themselves, and are not cut short while kernels are compiled.
    monkeypatch.setattr(compiler, "_GRACE", 60.0)
    target = vf.zoo.pendulum().target()
    with pytest.raises(vf.ToleranceNotReached, match=r"within 0\.0*5|within -?0") as caught:
        vf.compile(target, tol=1e-4, method="refine", max_seconds=0.05)
    assert caught.value.flow is not None and np.isfinite(caught.value.error)
    with pytest.raises(ValueError, match="max_seconds"):
        vf.compile(target, tol=1e-1, method="refine", max_seconds=-1)
