"""Reachable sets: zonotopes that together hold the image of a box under the exact flow."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Float

from ..box import Box
from ..certificates import Certificate
from ..enclosures.bisection import Enclosure
from ..enclosures.forms import ROUNDING, UP
from ..enclosures.tiling import first_cells, halve
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..target import Target
from ..validation import require_points
from .margins import margin_of, prove, require_within

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Cells are bisected until what the network's forms leave open is this part of its margin.
_PART = 0.25
_FIRST_CELLS = 4


@dataclass(frozen=True, eq=False)
class ReachableSet:
    """The union of k zonotopes { centers_j + sum_s e_s generators_js : |e_s| <= 1 } in R^d.

    Attributes
    ----------
    centers
        The centers of the zonotopes.
    generators
        The generators, the last d of each zonotope along the axes.
    box
        The starts, all of whose images are in the set.
    margin
        What was proved of the network's error in each output; the generators contain it.
    """

    centers: Float[np.ndarray, "k d"]
    generators: Float[np.ndarray, "k s d"]
    box: Box
    margin: Float[np.ndarray, " d"]

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def dim(self) -> int:
        return self.centers.shape[1]

    @property
    def hull(self) -> Box:
        """The smallest box around the set."""
        reach = np.abs(self.generators).sum(axis=1)
        return Box((self.centers - reach).min(axis=0), (self.centers + reach).max(axis=0))

    def contains(self, y: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, " n"]:
        """Which points lie in the set, up to rounding.

        A zonotope is where |n.(y - c)| <= sum_s |n.g_s| for all n orthogonal to d - 1 of its generators.
        """
        y = require_points(y, self.dim)
        # In the order of their first coordinates, few of the points are near a zonotope.
        order = np.argsort(y[:, 0])
        first = y[order, 0]
        inside = np.zeros(len(y), dtype=bool)
        reach = np.abs(self.generators).sum(axis=1)
        rounding = 1e-12 * (reach + np.abs(self.centers))
        reach = reach + rounding
        for c, g, most, slack in zip(self.centers, self.generators, reach, rounding):
            near = order[slice(*np.searchsorted(first, [c[0] - most[0], c[0] + most[0] * (1 + 1e-12)]))]
            off = y[near] - c
            close = ~inside[near] & (np.abs(off) <= most).all(axis=1)
            normals = _normals(g)
            widths = np.abs(normals @ g.T).sum(axis=1) + np.abs(normals) @ slack
            within = (np.abs(off[close] @ normals.T) <= widths).all(axis=1)
            inside[near[close]] = within
        return inside

    def polygons(self) -> list[Float[np.ndarray, "v 2"]]:
        """The corners of each zonotope, counterclockwise, in two dimensions.

        Raises
        ------
        ValueError
            In other dimensions.
        """
        if self.dim != 2:
            raise ValueError(f"polygons need two dimensions, this set has {self.dim}")
        return [_polygon(c, g) for c, g in zip(self.centers, self.generators)]

    def plot(self, ax: Axes | None = None, **style: Any) -> Axes:
        """Draw the zonotopes as polygons into `ax`, by default a new figure's; in two dimensions.

        `style` holds keywords of matplotlib's PolyCollection.
        """
        from ..plot import reachable_set

        return reachable_set(self, ax=ax, **style)


def reach(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    box: Box | None = None,
    certificate: Certificate | None = None,
    max_cells: int = 4096,
) -> ReachableSet:
    """Enclose the image of `box` under the exact flow in zonotopes.

    The box is cut into cells until the network's affine forms leave less open than a quarter of its proved
    error, or there are `max_cells`; each cell's form, with the error added, is a zonotope.

    Parameters
    ----------
    flow
        The flow or network.
    target
        The exact flow.
    box
        The starts; by default the whole box of the target.
    certificate
        A rigorous certificate of this flow and target, which is believed; by default one is made.
    max_cells
        The largest number of cells.

    Raises
    ------
    CertificateRefused
        For another certificate.
    ValueError
        If the box is not within the target's.
    """
    box = target.domain if box is None else box
    require_within(box, target.domain)
    certificate, enclosure = prove(flow, target, certificate)
    margin = margin_of(certificate)
    centers, halves = _cells(enclosure, box, _PART * margin, max_cells)
    forms = enclosure(centers, halves)
    d = box.dim
    along = np.zeros((len(centers), d, d))
    # Rounding: of the sum here, and of the zonotope's own center and generators.
    size = np.abs(forms.c) + forms.spread
    along[:, np.arange(d), np.arange(d)] = ((forms.r + margin[:, None] + 4 * ROUNDING * size) * UP).T
    return ReachableSet(
        forms.c.T.copy(), np.concatenate([forms.g.transpose(2, 0, 1), along], axis=1), box, margin
    )


def _cells(
    enclosure: Enclosure, box: Box, allowed: Float[np.ndarray, " d"], max_cells: int
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """Centers and halves of cells on which the forms' own rest is at most that, if there are enough."""
    todo, done, count = first_cells(box, _FIRST_CELLS), [], 0
    while len(todo[0]):
        forms = enclosure(*todo)
        fine = np.all(forms.r <= allowed[:, None], axis=0)
        # Halving the others makes two of each.
        if count + 2 * len(fine) - np.count_nonzero(fine) > max_cells:
            fine = np.ones(len(fine), dtype=bool)
        done.append((todo[0][fine], todo[1][fine]))
        count += int(np.count_nonzero(fine))
        axis = np.abs(forms.g[:, :, ~fine]).max(axis=1).argmax(axis=0)
        todo = halve(todo[0][~fine], todo[1][~fine], axis)
    return np.concatenate([c for c, _ in done]), np.concatenate([h for _, h in done])


def _normals(generators: Float[np.ndarray, "s d"]) -> Float[np.ndarray, "m d"]:
    """Unit vectors orthogonal to d - 1 of the generators, for every choice of these that leaves one only."""
    d = generators.shape[1]
    if d == 1:
        return np.ones((1, 1))
    size = np.linalg.norm(generators, axis=1)
    unit = generators[size > 0] / size[size > 0, None]
    chosen = np.array([unit[list(index)] for index in combinations(range(len(unit)), d - 1)])
    _, singular, rows = np.linalg.svd(chosen)
    return rows[singular[:, -1] > 1e-9, -1]


def _polygon(center: Float[np.ndarray, " d"], generators: Float[np.ndarray, "s d"]) -> np.ndarray:
    """The corners: all generators in the order of their angles, each in turn from one end to the other."""
    upper = np.where(generators[:, 1:] < 0, -generators, generators)
    upper = upper[np.argsort(np.arctan2(upper[:, 1], upper[:, 0]))]
    walk = np.concatenate([np.zeros((1, 2)), 2 * np.cumsum(upper, axis=0)])
    start = center - upper.sum(axis=0)
    return np.concatenate([start + walk[:-1], 2 * center - (start + walk[:-1])])
