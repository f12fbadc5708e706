"""Zonotopes, one for each of many cells, carried through affine maps and runs; see `zonotope`.

All cells go side by side, so that arrays are long enough for NumPy: a compiled loop over cells is no faster
on a box's few hundred of them, and would have to be compiled first.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from jaxtyping import Float, Int

# Rounding of what lies in a plane.
_FLAT = 1e-13


class Zonotopes:
    """{ c + sum_i e_i g_i, |e_i| <= 1 } for each of C cells: centers c (d, C), generators G (d, g, C).

    Once there are more than `most` generators, those that boxing enlarges least are boxed.
    """

    def __init__(
        self, centers: Float[np.ndarray, "C d"], halves: Float[np.ndarray, "C d"], most: int
    ) -> None:
        """The boxes of these centers and half-widths."""
        C, d = centers.shape
        self.centers = centers.T.copy()
        self._most = most
        # Room for the generators of one run more; the first `_count` are in use.
        self._room = np.empty((d, most + d + 2, C))
        self._count = 0
        self._append(_diagonal(halves.T))

    @property
    def generators(self) -> Float[np.ndarray, "d g C"]:
        return self._room[:, : self._count]

    def values(
        self, probes: Float[np.ndarray, "p d"]
    ) -> tuple[Float[np.ndarray, "p C"], Float[np.ndarray, "p g C"]]:
        """probes . c and probes . G."""
        d, g, C = self.generators.shape
        return probes @ self.centers, (probes @ self.generators.reshape(d, g * C)).reshape(-1, g, C)

    def move(self, M: Float[np.ndarray, "d d"], m: Float[np.ndarray, " d"]) -> None:
        """The zonotopes under x -> M x + m."""
        c, self.generators[...] = self.values(M)
        self.centers = c + m[:, None]

    def fold(self, run: Run) -> None:
        """The zonotopes of x + F(nu). The deviation gets symbols along its two largest parts, then a box."""
        chord = _quotient(run.F[:, :, -1] - run.F[:, :, 0], run.nu[:, -1] - run.nu[:, 0])
        self.centers += run.F[:, :, 0] + chord * (run.z - run.nu[:, 0])
        self.generators[...] += chord[:, None, :] * run.along
        deviation = run.F - run.F[:, :, :1] - chord[:, :, None] * (run.nu - run.nu[:, :1])
        negligible = _FLAT * np.abs(run.F).max(axis=(0, 2))
        for _ in range(2):
            norm = np.sqrt((deviation**2).sum(axis=0))
            largest = norm.argmax(axis=1)[:, None]
            size = np.take_along_axis(norm, largest, axis=1)[:, 0]
            size[size <= negligible] = 0.0
            if not size.any():
                break
            unit = _quotient(np.take_along_axis(deviation, largest[None], axis=2)[:, :, 0], size)
            s = (deviation * unit[:, :, None]).sum(axis=0)
            low, high = s.min(axis=1), s.max(axis=1)
            deviation -= s * unit[:, :, None]
            self.centers += unit * (low + high) / 2
            self._append((unit * (high - low) / 2)[:, None, :])
        else:
            low, high = deviation.min(axis=2), deviation.max(axis=2)
            if np.any(high - low > negligible):
                self.centers += (low + high) / 2
                self._append(_diagonal((high - low) / 2))
        if self._count > self._most:
            self._reduce(self._most // 2)

    def _append(self, generators: Float[np.ndarray, "d k C"]) -> None:
        k = generators.shape[1]
        self._room[:, self._count : self._count + k] = generators
        self._count += k

    def _reduce(self, keep: int) -> None:
        """Box all but the `keep` generators of each cell that boxing would enlarge most."""
        size = np.abs(self.generators)
        enlarged = size.sum(axis=0) - size.max(axis=0)
        order = np.argpartition(-enlarged, keep, axis=0)
        kept = np.take_along_axis(self.generators, order[None, :keep], axis=1)
        boxed = np.take_along_axis(size, order[None, keep:], axis=1).sum(axis=1)
        self._count = 0
        self._append(kept)
        self._append(_diagonal(boxed))


class Run:
    """Planar maps with parallel w: they move x by F(nu), nu = w.x.

    F (d, C, N) and h = nu + w.F (C, N) are known at the nodes nu (C, N), in order; between them they are
    affine. Of the zonotopes, w.c is z (C,) and w.G is `along` (C, g). A cell with fewer nodes than others
    has its last one several times.
    """

    def __init__(self, zonotopes: Zonotopes, w: Float[np.ndarray, " d"]) -> None:
        z, along = zonotopes.values(w[None])
        self.w, self.z, self.along = w, z[0], along[0]
        radius = np.abs(self.along).sum(axis=0)
        self.nu = np.stack([self.z - radius, self.z + radius], axis=1)
        self.h = self.nu.copy()
        self.F = np.zeros((w.size, len(self.z), 2))
        # How many nodes each cell has.
        self.count = np.full(len(self.z), 2)

    def tilt(self, a: Float[np.ndarray, " d"], t: float, size: float) -> Run:
        """The run, followed by the planar map x -> x + a relu(size h - t). Itself stays as it is."""
        other = copy(self)
        other.count = self.count.copy()
        other.kink(a, t, size)
        return other

    def kink(self, a: Float[np.ndarray, " d"], t: float, size: float) -> None:
        """Follow F and h by x -> x + a relu(size h - t)."""
        height = size * self.h - t
        # h is monotone, as all these maps are invertible: it crosses t / size between two nodes at most.
        crosses = height[:, :-1] * height[:, 1:] < 0
        cells = np.flatnonzero(crosses.any(axis=1))
        if cells.size:
            self._split(cells, crosses[cells].argmax(axis=1), height[cells])
            height = size * self.h - t
        height = np.maximum(height, 0.0)
        self.h = self.h + (self.w @ a) * height
        self.F = self.F + a[:, None, None] * height

    def _split(
        self, cells: Int[np.ndarray, " K"], q: Int[np.ndarray, " K"], height: Float[np.ndarray, "K N"]
    ) -> None:
        """A new node for each of these cells between its nodes q and q + 1, where its height is 0."""
        if np.any(self.count[cells] == self.nu.shape[1]):
            self.nu, self.h, self.F = (
                np.concatenate([each, each[..., -1:]], axis=-1) for each in (self.nu, self.h, self.F)
            )
        self.count[cells] += 1
        k, node = np.arange(cells.size), np.arange(self.nu.shape[1])
        part = height[k, q] / (height[k, q] - height[k, q + 1])
        # Behind node q each is moved up by one; a repeated last one drops out.
        source = node - (node > q[:, None])

        def split(values: np.ndarray) -> np.ndarray:
            old = values[..., cells, :]
            new = old[..., k[:, None], source]
            new[..., k, q + 1] = old[..., k, q] + part * (old[..., k, q + 1] - old[..., k, q])
            values = values.copy()
            values[..., cells, :] = new
            return values

        self.nu, self.h, self.F = split(self.nu), split(self.h), split(self.F)

    def lowest(self, zonotopes: Zonotopes, probes: Float[np.ndarray, "p d"]) -> Float[np.ndarray, " p"]:
        """min of probes . (x + F(nu)) over all zonotopes."""
        d, C, N = self.F.shape
        F = (probes @ self.F.reshape(d, C * N)).reshape(-1, C, N)
        chord = _quotient(F[:, :, -1] - F[:, :, 0], self.nu[:, -1] - self.nu[:, 0])
        deviation = F - F[:, :, :1] - chord[:, :, None] * (self.nu - self.nu[:, :1])
        c, G = zonotopes.values(probes)
        middle = c + F[:, :, 0] + chord * (self.z - self.nu[:, 0])
        radius = np.abs(G + chord[:, None, :] * self.along).sum(axis=1)
        return (middle - radius + np.minimum(deviation.min(axis=2), 0.0)).min(axis=1)


def _quotient(a: Float[np.ndarray, "... C"], b: Float[np.ndarray, " C"]) -> Float[np.ndarray, "... C"]:
    """a / b, and 0 where b is."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0)


def _diagonal(sizes: Float[np.ndarray, "d C"]) -> Float[np.ndarray, "d d C"]:
    """Generators along the coordinates."""
    return np.eye(len(sizes))[:, :, None] * sizes
