"""DOP853 with own steps: agrees with known solutions, row by row, and tells where there is none."""

import numpy as np
import pytest
from scipy.linalg import expm

from vanillaflow.target.own_steps import LostRows, OwnSteps, TooManySteps


def solver(rate, d: int, rtol: float = 1e-9, most_steps: int = 10_000, farthest: float = 1e6) -> OwnSteps:
    return OwnSteps(rate, rtol, np.ones(d), np.inf, farthest, most_steps)


@pytest.mark.parametrize("rtol", [1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("t1", [2.0, -2.0])
def test_linear_fields(rtol, t1):
    rng = np.random.default_rng(0)
    A, x = rng.normal(size=(3, 3)) - 2 * np.eye(3), rng.normal(size=(50, 3))
    if t1 < 0:
        A, t1 = -A, -t1
    found = solver(lambda y: y @ A.T, 3, rtol).end(x, 0.0, t1)
    expected = x @ expm(A * t1).T
    assert np.abs(found - expected).max() <= rtol * (1 + np.abs(expected).max())


def test_steps_are_those_of_each_row():
    """A fast row among slow ones takes the short steps alone, and changes nothing for the others."""
    asked = []

    def rate(y: np.ndarray) -> np.ndarray:
        asked.append(len(y))
        return np.stack([-y[:, 1] * y[:, 0], 0 * y[:, 1]], axis=1)

    x = np.column_stack([np.ones(64), np.full(64, 0.5)])
    alone = solver(rate, 2).end(x[1:], 0.0, 5.0)
    x[0, 1] = 2000.0
    asked.clear()
    together = solver(rate, 2).end(x, 0.0, 5.0)
    # Up to rounding: products of matrices of other sizes add in another order.
    np.testing.assert_allclose(together[1:], alone, rtol=1e-13)
    assert sum(count < 10 for count in asked) > 0.9 * len(asked)
    # Compiled code sees few numbers of points.
    assert len(set(asked)) <= 7


def test_corners_do_not_cost_accuracy():
    """y1' = 1, y2' = |y1|: the end is known. Wherever in a step the corner is, an estimate sees it."""

    def rate(y: np.ndarray) -> np.ndarray:
        return np.stack([np.ones(len(y)), np.abs(y[:, 0])], axis=1)

    x = np.column_stack([np.linspace(-1, 0, 3001), np.zeros(3001)])
    end = solver(rate, 2, 1e-8).end(x, 0.0, 1.0)
    s, e = x[:, 0], x[:, 0] + 1
    expected = (e * np.abs(e) - s * np.abs(s)) / 2
    assert np.abs(end[:, 1] - expected).max() < 1e-8


def test_states_that_blow_up_are_named():
    x = np.array([[0.1], [2.0], [0.2]])
    with pytest.raises(LostRows) as lost:
        solver(lambda y: y**2, 1).end(x, 0.0, 1.0)
    assert lost.value.rows.tolist() == [1]
    assert lost.value.times[0] == pytest.approx(0.5, abs=1e-3)


def test_rates_that_are_not_numbers_are_named():
    with pytest.raises(LostRows) as lost, np.errstate(invalid="ignore"):
        solver(lambda y: -np.sqrt(y), 1).end(np.array([[9.0], [0.01]]), 0.0, 1.0)
    assert lost.value.rows.tolist() == [1]


def test_too_many_steps_tell_how_far():
    with pytest.raises(TooManySteps) as end:
        solver(lambda y: -1e6 * (y - 1), 1, most_steps=200).end(np.zeros((3, 1)), 0.0, 1.0)
    assert 0 < end.value.time < 0.1
