"""Large fields with structure: sparse products, affine flows along eigenvectors, damping with a bound."""

import numpy as np
import pytest
from scipy.linalg import expm

import vanillaflow as vf
from vanillaflow.fields.few_nonzeros import Linear
from vanillaflow.fields.ridge import RidgeField


@pytest.mark.parametrize("shape", [(40, 50), (50, 40), (3, 50), (40, 40)])
@pytest.mark.parametrize("density", [0.0, 0.02, 1.0])
def test_products(shape, density):
    rng = np.random.default_rng(0)
    matrix = rng.standard_normal(shape) * (rng.random(shape) < density)
    x = rng.standard_normal((70, shape[1]))
    linear = Linear.of(matrix)
    assert (linear.sparse is not None) == (min(shape) >= 32 and density < 0.1)
    # A sum of at most fifty products.
    np.testing.assert_allclose(linear(x), x @ matrix.T, rtol=0, atol=1e-13)
    assert linear(x[:0]).shape == (0, shape[0])
    # In another order of memory a BLAS may sum in another order.
    np.testing.assert_allclose(linear(np.asfortranarray(x)), linear(x), rtol=0, atol=1e-13)


def test_a_large_field_is_what_its_formula_says():
    system = vf.zoo.allen_cahn(40)
    u = system.domain.sample(20, 0)
    beyond = np.roll(u, 1, axis=1) - 2 * u + np.roll(u, -1, axis=1)
    np.testing.assert_allclose(
        system.field(0.0, u), 0.01 / (4 / 40) ** 2 * beyond + u - u**3, rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("tau", [0.3, -0.2])
def test_affine_flow_along_eigenvectors(tau):
    field = vf.zoo.allen_cahn(40).field
    shifted = RidgeField(field.a, field.w, field.b, field.profiles, field.A, np.linspace(-1, 1, 40))
    M, m = shifted.affine_flow(tau)
    augmented = np.zeros((41, 41))
    augmented[:40, :40], augmented[:40, 40] = field.A, shifted.c
    E = expm(tau * augmented)
    np.testing.assert_allclose(M, E[:40, :40], rtol=0, atol=1e-12)
    np.testing.assert_allclose(m, E[:40, 40], rtol=0, atol=1e-12)


@pytest.mark.parametrize("symmetric", [True, False])
def test_damping_with_a_bound(symmetric):
    """Where the exact matrix is better conditioned than the bound it is left alone."""
    rng = np.random.default_rng(0)
    A = np.diag(-np.linspace(0, 30, 40))
    if not symmetric:
        A[0, 1] = 1.0
    nothing = np.zeros((0, 40))
    field = RidgeField(nothing, nothing, [], [], A=A, c=rng.standard_normal(40))
    exact, _ = field.affine_flow(1.0)
    bounded, _ = field.affine_flow(1.0, 100.0)
    assert np.linalg.cond(exact) > 1e12 and np.linalg.cond(bounded) == pytest.approx(100, rel=1e-6)
    # What is raised is raised to a hundredth at most.
    assert np.linalg.norm(bounded - exact, 2) <= 0.0101 * np.linalg.norm(exact, 2)
    np.testing.assert_allclose(field.affine_flow(0.1, 100.0)[0], field.affine_flow(0.1)[0], atol=1e-13)
