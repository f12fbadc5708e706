"""Random planar flows of every kind, and a plain reference for what they compute."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from vanillaflow import Box, PlanarFlow

# What a planar map x + a relu(w.x - t) can be like; each is hard for some part of the code.
KINDS = (
    "plain",  # kappa within [0.3, 3]
    "shear",  # w.a = 0
    "near shear",  # w.a = 1e-5
    "strong shear",  # w.a = 0, |a| about 30
    "contracting",  # kappa = 1e-3
    "expanding",  # kappa = 1e3
    "still",  # a = 0
    "faint",  # |a| about 1e-15
    "translation",  # w = 0 and t < 0
    "never",  # the kink far outside the box, on either side
    "always",
)
# At most this many maps of one flow stretch or shear by 1e3 or so; the images stay within about 1e8.
MOST_EXTREME = 2


def planar_map(rng: np.random.Generator, d: int, kind: str) -> tuple[np.ndarray, np.ndarray, float]:
    w = rng.standard_normal(d)
    w /= np.linalg.norm(w)
    a = 0.5 * rng.standard_normal(d)
    a -= (a @ w) * w
    t = rng.uniform(-1, 1)
    along = {"near shear": 1e-5, "contracting": 1e-3 - 1, "expanding": 1e3 - 1}.get(kind, 0.0)
    if kind in ("plain", "never", "always"):
        along = np.exp(rng.uniform(np.log(0.3), np.log(3))) - 1
    a = (30 * a if kind == "strong shear" else a) + along * w
    a *= {"still": 0.0, "faint": 1e-15}.get(kind, 1.0)
    if kind == "translation":
        w, t = 0 * w, -abs(t)
    t = {"never": 1e4, "always": -50.0}.get(kind, t)
    size = np.exp(rng.uniform(-2, 2))  # (a, w, t) and (a/size, size w, size t) are one map.
    return a / size, size * w, size * t


def random_flow(seed: int, d: int, kinds: list[str], affine: int = 0) -> PlanarFlow:
    """Maps of the given kinds, with `affine` affine maps of condition up to about 4 at random places."""
    rng = np.random.default_rng(seed)
    maps = [planar_map(rng, d, kind) for kind in kinds]
    center = rng.uniform(-1, 1, d)
    return PlanarFlow(
        np.array([a for a, _, _ in maps]).reshape(-1, d),
        np.array([w for _, w, _ in maps]).reshape(-1, d),
        np.array([t for _, _, t in maps]).reshape(-1),
        stops=np.sort(rng.integers(0, len(kinds) + 1, affine)),
        M=(np.eye(d) + 0.3 * rng.uniform(-1, 1, (affine, d, d)) / np.sqrt(d))
        * rng.choice([-1.0, 0.5, 1.0, 2.0], (affine, 1, 1)),
        m=rng.standard_normal((affine, d)),
        domain=Box(center - rng.uniform(0.2, 1.5, d), center + rng.uniform(0.2, 1.5, d)),
    )


@st.composite
def flows(draw, dims: tuple[int, ...] = (1, 2, 3, 6), most: int = 10) -> PlanarFlow:
    d = draw(st.sampled_from(dims))
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=most))
    extreme = [i for i, k in enumerate(kinds) if k in ("contracting", "expanding", "strong shear")]
    for i in extreme[MOST_EXTREME:]:
        kinds[i] = "plain"
    return random_flow(draw(st.integers(0, 2**32 - 1)), d, kinds, draw(st.integers(0, 4)))


@dataclass(frozen=True)
class Walk:
    """What a flow does to the rows of x, computed with plain numpy, one map after the other.

    image : (n, d).
    reach : the largest number on the way, the natural unit of rounding errors of the images.
    jacobian : (n, d, d). log_abs_det : (n,).
    clearance : (n,) how far, in the max norm, each point of x can move before it meets a kink.
    """

    image: np.ndarray
    reach: float
    jacobian: np.ndarray
    log_abs_det: np.ndarray
    clearance: np.ndarray


def states(flow: PlanarFlow, x: np.ndarray) -> np.ndarray:
    """(L + 1, n, d): the rows of x before each planar map and at the end."""
    y, found = x, []
    for layer in range(flow.kinks + 1):
        for j in np.flatnonzero(flow.stops == layer):
            y = y @ flow.M[j].T + flow.m[j]
        found.append(y)
        if layer < flow.kinks:
            y = y + np.outer(np.maximum(y @ flow.w[layer] - flow.t[layer], 0), flow.a[layer])
    return np.array(found)


def walk(flow: PlanarFlow, x: np.ndarray) -> Walk:
    y, D = x.copy(), np.broadcast_to(np.eye(flow.dim), (len(x), flow.dim, flow.dim)).copy()
    log_det, clearance = np.zeros(len(x)), np.full(len(x), np.inf)
    reach = float(np.max(np.abs(x), initial=0))
    for layer in range(flow.kinks + 1):
        for j in np.flatnonzero(flow.stops == layer):
            y, D = y @ flow.M[j].T + flow.m[j], flow.M[j] @ D
            log_det = log_det + np.linalg.slogdet(flow.M[j])[1]
            reach = max(reach, float(np.max(np.abs(y), initial=0)))
        if layer == flow.kinks:
            break
        a, w, t = flow.a[layer], flow.w[layer], flow.t[layer]
        z = y @ w - t
        slope = np.einsum("i,nij->nj", w, D)
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.abs(z) / np.abs(slope).sum(axis=1)
        clearance = np.minimum(clearance, np.where(np.isnan(room), np.inf, room))
        active = z > 0
        D = D + np.where(active, 1.0, 0.0)[:, None, None] * a[None, :, None] * slope[:, None, :]
        log_det = log_det + np.where(active, np.log(1 + w @ a), 0.0)
        y = y + np.outer(np.maximum(z, 0), a)
        reach = max(reach, float(np.max(np.abs(y), initial=0)))
    return Walk(y, reach, D, log_det, clearance)


def inside_and_outside(box: Box, n: int, seed: int) -> np.ndarray:
    """Points of the box, of its faces and corners, and of a box ten times as wide."""
    around = Box(box.center - 5 * box.width, box.center + 5 * box.width)
    return np.concatenate(
        [box.sample(n, seed), box.boundary(n, seed), box.corners(seed)[:n], around.sample(n, seed)]
    )
