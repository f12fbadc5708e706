"""What leaving out samples of a flow tells about its spline: the error to expect at each place of the box.

Samples along a trajectory predict their neighbours well, and say nothing of the box between trajectories. So
a sample is predicted as points of the box are: from samples as far away (nearest-neighbour distance matching;
Mila, Mateu, Pebesma and Meyer, Methods in Ecology and Evolution 13, 2022).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.special import xlogy

# From so many samples a value of the spline comes where it is local.
NEIGHBOURS = 64
# P(p)^2 / P(s)^2 where P(s) is taken to be infinite.
_LEAST_RATIO = 1e-6
# Of the samples, a hole takes at most this part, or what is left would say nothing of a spline through all.
_MOST_OF_SAMPLES = 1 / 3
# Places farther from all samples than this part of the box is from as many drawn at random are not covered
# (measured: of samples at random, on grids and of low discrepancy in 1 to 8 dimensions, at most 5 % are).
_COVERED_AT_RANDOM = 0.99
# Nor is a place called uncovered that is within 5 % of the box's width of a sample, however many there are.
_NEAR = 0.1


def expected_errors(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n k"],
    places: Float[np.ndarray, "p d"],
    smoothing: float,
    local: bool,
) -> tuple[Float[np.ndarray, "p k"], Float[np.ndarray, "p k"]]:
    """How far the thin-plate spline through the samples is to be expected from the flow at each place; and
    how far off the sample was that was predicted for it, which with noise is the noise at least.

    Let h be the distance from a place p to the nearest sample s. All samples closer to s than h are left out
    (at most a third), s is predicted by the spline through the others, and its error e is carried over to p
    by the ratio of the power functions P, the factor of the spline's error bound that depends on where
    samples are and not on the flow (Wendland, Scattered Data Approximation, 2005, chapter 11). P is about in
    proportion to the distance from samples, and the error for a smooth flow falls with the square of it at
    least, as affine flows are exact: so e (P(p) / P(s))^2. With smoothing, P^2 includes the noise that it
    stands for; noise without smoothing does not fall with the distance, so that e is the safer number.

    Slightly heuristic. The largest of these errors was measured against the true one over the box, for eight
    flows with 100, 300 and 800 samples; the ratio, from the least to the largest (median):

    =============================  ===============  ===============  ===============  ===============
    samples                        d = 1            d = 2            d = 3            d = 4
    =============================  ===============  ===============  ===============  ===============
    uniform at random              0.4 - 4.1 (1.1)  0.6 - 1.1 (0.8)  0.4 - 2.0 (0.9)  0.5 - 0.7 (0.6)
    Sobol                          0.8 - 2.2 (1.4)  0.7 - 1.8 (0.9)  0.4 - 1.4 (0.8)  0.7 - 0.8 (0.8)
    grid                           1.2 - 4.5 (1.7)  0.7 - 1.8 (0.8)  0.6 - 1.6 (0.9)  0.6 - 0.7 (0.7)
    normal distribution            0.7 - 1.8 (1.1)  0.5 - 2.5 (1.6)  0.9 - 2.0 (1.5)  0.5 - 1.3 (0.8)
    12 clusters (5 where d = 1)    3.4 - 12  (5.6)  0.6 - 2.3 (0.9)  0.6 - 1.2 (0.9)  0.6 - 0.9 (0.8)
    6 trajectories                 0.2 - 1.0 (0.4)  0.3 - 3.4 (1.4)  0.7 - 5.7 (2.3)  0.6 - 0.7 (0.6)
    40 trajectories                1.1 - 6.0 (2.7)  0.4 - 3.2 (0.9)  1.1 - 4.6 (2.2)  0.6 - 0.7 (0.6)
    =============================  ===============  ===============  ===============  ===============

    Where d = 1, gaps between dense samples are filled better than holes elsewhere tell.

    `local` says whether each value of the spline comes from the NEIGHBOURS nearest samples only.

    With c the coefficient of s in the spline through s and what is not left out, e = c P(s)^2; so the error
    at p is c P(p)^2. Where the samples not left out lie in a hyperplane, P(s) is infinite, and c is not.
    """
    distance, nearest = cKDTree(x).query(places)
    # Places that share a nearest sample share the largest of their holes.
    samples, which = np.unique(nearest, return_inverse=True)
    holes = np.zeros(len(samples))
    np.maximum.at(holes, which, distance)
    spline = _LocalSpline(x, y, smoothing, NEIGHBOURS) if local else _WholeSpline(x, y, smoothing)
    most = max(1, int(_MOST_OF_SAMPLES * len(x)))
    coefficients, inverse_powers = np.empty((len(samples), y.shape[1])), np.empty((len(samples), 1))
    for row, (s, hole) in enumerate(zip(samples, holes)):
        away = np.linalg.norm(x - x[s], axis=1)
        away[s] = -1.0  # First, even where others coincide with it.
        order = np.argsort(away, kind="stable")
        out = order[: min(most, max(1, int(np.count_nonzero(away < hole))))]
        coefficients[row], inverse_powers[row] = spline.coefficient(out, order[len(out) :])
    squared_power = (spline.squared_power(places) + smoothing)[:, None]
    coefficients, ratio = np.abs(coefficients[which]), inverse_powers[which] * squared_power
    carried = coefficients * squared_power
    predicted = np.divide(carried, ratio, out=carried.copy(), where=ratio > _LEAST_RATIO)
    return carried, predicted


def uncovered_part(
    x: Float[np.ndarray, "n d"], places: Float[np.ndarray, "p d"], at_random: Float[np.ndarray, "n d"]
) -> tuple[float, float, int]:
    """Which part of the places, spread evenly over the box, is far from every sample; what far is; and which
    place is the farthest. `at_random` are as many points as samples, drawn from the box."""
    distance = cKDTree(x).query(places)[0]
    far = max(_NEAR, float(np.quantile(cKDTree(at_random).query(places)[0], _COVERED_AT_RANDOM)))
    return float(np.mean(distance > far)), far, int(np.argmax(distance))


class _LocalSpline:
    """The spline at a place through the samples nearest to it.

    In coordinates whose origin is the place and whose unit is the reach r of those samples, in which rounding
    does not depend on how close they are. There the kernel is r^2 times as small, but for affine functions.
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, smoothing: float, neighbours: int):
        self.x, self.y, self.smoothing = x, y, smoothing
        self.neighbours = min(neighbours, len(x))

    def coefficient(self, out: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, float]:
        """That of the sample out[0], without the other samples in `out`, and 1 / P^2 there without it, too.
        `rest` is sorted by distance."""
        known = np.concatenate([out[:1], rest[: self.neighbours]])
        matrix, reach = self._around(self.x[out[0]], known)
        values = np.zeros((len(matrix), self.y.shape[1] + 1))
        values[: len(known), :-1] = self.y[known]
        values[0, -1] = 1
        *found, inverse_power = _solve(matrix, values)[0] / reach**2
        return np.array(found), float(inverse_power)

    def squared_power(self, places: np.ndarray) -> np.ndarray:
        """P^2 at each place, without the smoothing."""
        found = np.empty(len(places))
        nearest = cKDTree(self.x).query(places, self.neighbours)[1]
        for i, (place, near) in enumerate(zip(places, nearest)):
            matrix, reach = self._around(place, near)
            row = _rows(np.zeros((1, len(place))), (self.x[near] - place) / reach)[0]
            found[i] = -row @ _solve(matrix, row) * reach**2
        return np.maximum(found, 0.0)

    def _around(self, place: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, float]:
        off = self.x[known] - place
        reach = float(np.abs(off).max())
        return _matrix(off / reach, self.smoothing / reach**2), reach


class _WholeSpline:
    """The spline through all samples, by the inverse of its matrix: of that, leaving out samples is a block.

    Let M be the block of the inverse that belongs to the samples left out, s first and then R, and c their
    coefficients in the whole spline. With R out, that of s is c_s - M_sR M_RR^-1 c_R (Schur complement).
    """

    def __init__(self, x: np.ndarray, y: np.ndarray, smoothing: float):
        self.x, self.local = x, _LocalSpline(x, y, smoothing, NEIGHBOURS)
        self.inverse = np.linalg.inv(_matrix(x, smoothing))
        self.coefficients = self.inverse[:, : len(x)] @ y

    def coefficient(self, out: np.ndarray, rest: np.ndarray) -> tuple[np.ndarray, float]:
        s, R = out[0], out[1:]
        M_RR, M_sR = self.inverse[np.ix_(R, R)], self.inverse[s, R]
        known = np.column_stack([self.coefficients, self.inverse[:, s]])
        *found, inverse_power = known[s] - M_sR @ _solve(M_RR, known[R])
        return np.array(found), float(inverse_power)

    def squared_power(self, places: np.ndarray) -> np.ndarray:
        rows = _rows(places, self.x)
        whole = np.maximum(-np.einsum("pi,pi->p", rows @ self.inverse, rows), 0.0)
        # With fewer samples it is never smaller, but for rounding, which is large next to a sample.
        return np.minimum(whole, self.local.squared_power(places))


def _rows(places: Float[np.ndarray, "p d"], x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "p n+d+1"]:
    """The kernel r^2 log r of each place and sample, and the affine functions 1 and x_i."""
    r = cdist(places, x)
    return np.concatenate([xlogy(r * r, r), np.ones((len(places), 1)), places], axis=1)


def _matrix(x: Float[np.ndarray, "n d"], smoothing: float) -> Float[np.ndarray, "n+d+1 n+d+1"]:
    """Of the linear equations for the spline's coefficients."""
    n, d = x.shape
    matrix = np.zeros((n + d + 1, n + d + 1))
    matrix[:n] = _rows(x, x)
    matrix[n:, :n] = matrix[:n, n:].T
    matrix[np.arange(n), np.arange(n)] += smoothing
    return matrix


def _solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:  # What is left is in a hyperplane: of all splines the least.
        return np.linalg.lstsq(matrix, right)[0]
