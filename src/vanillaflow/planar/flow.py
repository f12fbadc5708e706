"""PlanarFlow: a composition of planar maps and affine maps, the compiler's core object.

A planar map is P(x) = x + a relu(w.x - t) with kappa = 1 + w.a > 0 (Rezende and Mohamed 2015, with a ReLU
profile): a piecewise-linear homeomorphism of R^d that stretches the side w.x > t by kappa along a.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from ..box import Box
from ..provenance import Provenance
from ..runtime import Runtime
from ..validation import real_array, require_finite, require_points_as_given

if TYPE_CHECKING:
    from os import PathLike

    from ..network.feedforward import FeedforwardNetwork


@dataclass(frozen=True, eq=False)
class PlanarFlow:
    """The composition, in order, of L planar maps with affine maps between them.

    Parameters
    ----------
    a : (L, d) array
        The directions of the planar maps; map l is x + a_l relu(w_l.x - t_l).
    w : (L, d) array
        The normals of the planar maps.
    t : (L,) array
        The offsets of the planar maps.
    stops : (J,) array
        Non-decreasing in 0..L; affine map j, x -> M_j x + m_j, acts after the first `stops[j]` planar maps.
    M : (J, d, d) array
        The matrices of the affine maps, invertible.
    m : (J, d) array
        The constants of the affine maps.
    domain : Box
        The box on which the flow was made to be accurate; lowering and certificates refer to it.
    provenance : Provenance
        What the flow was compiled from, if it was.

    Raises
    ------
    ValueError
        If shapes disagree, a number is not finite, some kappa is not positive, or some M_j is singular: each
        of these would make the map not invertible.
    """

    a: Float[np.ndarray, "L d"]
    w: Float[np.ndarray, "L d"]
    t: Float[np.ndarray, " L"]
    stops: Int[np.ndarray, " J"]
    M: Float[np.ndarray, "J d d"]
    m: Float[np.ndarray, "J d"]
    domain: Box | None = None
    provenance: Provenance | None = None

    def __init__(self, a, w, t, stops=None, M=None, m=None, domain=None, provenance=None):
        a, w, t = (require_finite(f"PlanarFlow {n}", v) for n, v in (("a", a), ("w", w), ("t", t)))
        if a.ndim != 2 or a.shape[1] == 0 or w.shape != a.shape or t.shape != a.shape[:1]:
            raise ValueError(
                "PlanarFlow needs a and w of shape (L, d) and t (L,), "
                f"got a {a.shape}, w {w.shape}, t {t.shape}"
            )
        L, d = a.shape
        stops = require_finite("PlanarFlow stops", [] if stops is None else stops)
        if np.any(stops != np.floor(stops)):
            raise ValueError("PlanarFlow stops must be whole numbers")
        stops = stops.astype(np.int64)
        M = np.zeros((0, d, d)) if M is None else require_finite("PlanarFlow M", M)
        m = np.zeros((0, d)) if m is None else require_finite("PlanarFlow m", m)
        if stops.ndim != 1 or M.shape != (stops.size, d, d) or m.shape != (stops.size, d):
            raise ValueError(
                f"PlanarFlow needs M (J, {d}, {d}) and m (J, {d}) for its J = {stops.size} stops, "
                f"got M {M.shape}, m {m.shape}"
            )
        if np.any(np.diff(stops) < 0) or np.any((stops < 0) | (stops > L)):
            raise ValueError(f"PlanarFlow stops must be non-decreasing within 0..{L}")
        if domain is not None and domain.dim != d:
            raise ValueError(f"PlanarFlow has dimension {d} but its domain has dimension {domain.dim}")
        for name, value in {"a": a, "w": w, "t": t, "stops": stops, "M": M, "m": m}.items():
            # Those of another flow are locked already.
            if value.flags.writeable or not (value.flags.owndata and value.flags.c_contiguous):
                value = np.array(value, order="C")
                value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "domain", domain)
        object.__setattr__(self, "provenance", provenance)
        # An overflow to infinity or NaN is refused along with the negative ones.
        wrong = ~(np.isfinite(self.kappa) & (self.kappa > 0))
        if np.any(wrong):
            bad = int(np.argmax(wrong))
            raise ValueError(
                f"planar map {bad} has kappa = 1 + w.a = {self.kappa[bad]:g}; it must be positive"
            )
        if np.any(np.isneginf(self._affine_log_dets)):
            raise ValueError(
                f"affine map {int(np.argmin(self._affine_log_dets))} of the PlanarFlow is singular"
            )

    @classmethod
    def identity(cls, dim: int, domain: Box | None = None) -> PlanarFlow:
        """The flow on R^dim without any map, and with this domain."""
        return cls(np.zeros((0, dim)), np.zeros((0, dim)), np.zeros(0), domain=domain)

    def __getstate__(self) -> dict[str, Any]:
        """For another process: the maps, and not the runtimes, which it makes for itself."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def dim(self) -> int:
        return self.a.shape[1]

    @property
    def kinks(self) -> int:
        """L, the number of planar maps."""
        return self.a.shape[0]

    @cached_property
    def kappa(self) -> Float[np.ndarray, " L"]:
        """1 + w.a of every planar map: its determinant on the active side."""
        with np.errstate(over="ignore", invalid="ignore"):
            return 1.0 + np.einsum("ld,ld->l", self.w, self.a)

    @cached_property
    def _affine_log_dets(self) -> np.ndarray:
        return np.linalg.slogdet(self.M)[1] if len(self.M) else np.zeros(0)

    def __call__(
        self, x: Float[np.ndarray, "n d"], out: np.ndarray | None = None
    ) -> Float[np.ndarray, "n d"]:
        """The images of the rows of x, written to `out` if that is given (it may be x).

        Points of type float32 are carried in float32; all others in float64. The image of a point is the
        same, to the last bit, in a batch of any size, and wherever `out` lies in memory: x is copied first
        where the two overlap otherwise than as one array.

        Raises
        ------
        ValueError
            If `out` is not a writable, aligned and contiguous array of the shape and type of the result, or
            if x is not points of real numbers (`validation.real_array`).
        """
        x = self._points(x)
        return self._runtime(x.dtype).forward(x, None if out is None else self._place(out, x))

    def _runtime(self, dtype: np.dtype) -> Runtime:
        """The maps laid out for points of this type."""
        runtime = self._runtimes.get(dtype)
        if runtime is None:
            runtime = self._runtimes[dtype] = Runtime.of(self._maps, dtype)
        return runtime

    @cached_property
    def _runtimes(self) -> dict[np.dtype, Runtime]:
        return {}

    @property
    def _maps(self) -> tuple[np.ndarray, ...]:
        return self.a, self.w, self.t, self.stops, self.M, self.m

    def rollout(self, x: Float[np.ndarray, "n d"], steps: int) -> Float[np.ndarray, "m n d"]:
        """The rows of x, their images, the images of those, ..., after 0, 1, ..., `steps` applications.

        For a flow of duration T these are the states at times 0, T, ..., steps T, as long as they stay in the
        domain; `rollout_errors` measures how the error grows.

        Raises
        ------
        ValueError
            If `steps` is negative.
        """
        if steps < 0:
            raise ValueError(f"steps must not be negative, got {steps}")
        states = [self._points(x)]
        for _ in range(steps):
            states.append(self(states[-1]))
        return np.stack(states)

    def inverse(self, y: Float[np.ndarray, "n d"], out: np.ndarray | None = None) -> Float[np.ndarray, "n d"]:
        """The preimages of the rows of y, in closed form: P^-1(y) = y - (a/kappa) relu(w.y - t).

        Types and `out` are as for the images.
        """
        y = self._points(y)
        if y.dtype not in self._inverse_runtimes:
            self._inverse_runtimes[y.dtype] = Runtime.of(self._inverse_maps, y.dtype)
        return self._inverse_runtimes[y.dtype].forward(y, None if out is None else self._place(out, y))

    @cached_property
    def _inverse_runtimes(self) -> dict[np.dtype, Runtime]:
        return {}

    @cached_property
    def _inverse_maps(self) -> tuple[np.ndarray, ...]:
        """The inverse's a, w, t, stops, M and m: planar and affine maps again, in the opposite order."""
        M = np.linalg.inv(self.M[::-1]) if len(self.M) else self.M
        m = -np.einsum("jrs,js->jr", M, self.m[::-1])
        a = -self.a / self.kappa[:, None]
        parts = (a[::-1], self.w[::-1], self.t[::-1], self.kinks - self.stops[::-1], M, m)
        return tuple(np.ascontiguousarray(part) for part in parts)

    def log_abs_det(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """log |det D flow| at the rows of x: log kappa summed over active planar maps, plus the affine maps'.

        On a kink's hyperplane, where the derivative jumps, the inactive side is taken.
        """
        x = self._points(x)
        return self._runtime(x.dtype).log_abs_det(x) + x.dtype.type(self._affine_log_dets.sum())

    def jvp(
        self, x: Float[np.ndarray, "n d"], v: Float[np.ndarray, "n d"]
    ) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
        """flow(x) and D flow(x) v, the images of the rows of x and of a tangent at each.

        On a kink's hyperplane the inactive side is taken.

        Raises
        ------
        ValueError
            If v has another shape than x.
        """
        x, v = self._points(x), real_array("tangents", v)
        if v.shape != x.shape:
            raise ValueError(f"expected a tangent for each point, shape {x.shape}, got {v.shape}")
        return self._runtime(x.dtype).jvp(x, np.ascontiguousarray(v, dtype=x.dtype))

    def jacobian(self, x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d d"]:
        """D flow at the rows of x: entry [q, i, j] is d flow_i / d x_j at x_q (inactive side on kinks)."""
        x, d = self._points(x), self.dim
        units = np.tile(np.eye(d, dtype=x.dtype).reshape(1, d * d), (len(x), 1))
        columns = self._runtime(x.dtype).jvp(x, units)[1]
        return np.ascontiguousarray(columns.reshape(len(x), d, d).swapaxes(1, 2))

    def then(self, *others: PlanarFlow) -> PlanarFlow:
        """This flow followed by the others, in order, as one flow; its domain is this flow's."""
        return concatenate([self, *others])

    def __matmul__(self, first: PlanarFlow) -> PlanarFlow:
        """`g @ f` is the composition g after f, as for matrices."""
        return first.then(self)

    def __getitem__(self, part: slice) -> PlanarFlow:
        """`flow[i:j]`, the planar maps i..j-1 with the affine maps among and after them.

        So `flow == flow[j:] @ flow[:j]`: an affine map belongs to the slice in which its preceding planar map
        is; those before the first planar map belong with that one.
        """
        if not isinstance(part, slice):
            raise TypeError("a PlanarFlow is indexed by slices, such as flow[:10]")
        begin, end, step = part.indices(self.kinks)
        if step != 1:
            raise ValueError("a PlanarFlow can only be sliced with step 1")
        end = max(begin, end)
        keep = (self.stops > begin) & (self.stops <= end)
        # flow[:0] is the identity, or the affine maps before the first planar map would act twice in
        # flow[0:] @ flow[:0]. Without planar maps begin and end cannot tell flow[0:] from flow[:0].
        whole = (part.start is None or part.start <= 0) and (part.stop is None or part.stop > 0)
        if begin == 0 and (end > 0 or (whole and self.kinks == 0)):
            keep |= self.stops == 0
        return PlanarFlow(
            self.a[begin:end],
            self.w[begin:end],
            self.t[begin:end],
            self.stops[keep] - begin,
            self.M[keep],
            self.m[keep],
            domain=self.domain if begin == 0 else None,
        )

    def with_provenance(self, provenance: Provenance | None) -> PlanarFlow:
        """The same flow with another provenance."""
        return replace(self, provenance=provenance)

    def to_network(self, dialect: str = "leaky_relu", slope: float | None = None) -> FeedforwardNetwork:
        """Lower to the FeedforwardNetwork that equals this flow on its domain. See `lowering.lower`.

        Parameters
        ----------
        dialect
            "leaky_relu", of width d with one slope a layer; "prelu", of width d with one slope a neuron; or
            "relu", of width d + 1 with plain ReLUs.
        slope
            The slope of all layers, for "leaky_relu"; by default each layer has its own.
        """
        from ..lowering import lower

        return lower(self, dialect, slope)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the flow to `path` as safetensors; `vanillaflow.load` reads it back."""
        from ..export.safetensors import save_planar_flow

        save_planar_flow(self, path)

    def _points(self, x: np.ndarray) -> np.ndarray:
        x = require_points_as_given(x, self.dim)
        # Carried as it is (`c` and `a`: contiguous and aligned), or else a copy.
        return x if x.flags.c_contiguous and x.flags.aligned else np.array(x, order="C")

    @staticmethod
    def _place(out: np.ndarray, x: np.ndarray) -> np.ndarray:
        if type(out) is not np.ndarray and (
            not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray)
        ):
            raise ValueError(f"out must be a NumPy array of shape {x.shape}, got a {type(out).__name__}")
        # `carray`: contiguous, aligned and writable.
        if out.shape != x.shape or out.dtype != x.dtype or not out.flags.carray:
            why = "" if out.flags.writeable else " that is read-only"
            raise ValueError(
                f"out must be a writable, aligned and contiguous array of shape {x.shape} and type "
                f"{x.dtype}, got {out.shape} and {out.dtype}{why}"
            )
        return out

    def _repr_html_(self) -> str:
        from ..display.notebook import flow_html

        return flow_html(self)

    def __repr__(self) -> str:
        return f"PlanarFlow(dim={self.dim}, kinks={self.kinks}, affine maps={self.stops.size})"


def concatenate(flows: Sequence[PlanarFlow]) -> PlanarFlow:
    """The composition of the flows, first to last. Raises ValueError if their dimensions differ."""
    if len({f.dim for f in flows}) != 1:
        raise ValueError(f"composed flows need one dimension, got {[f.dim for f in flows]}")
    offsets = np.cumsum([0, *[f.kinks for f in flows[:-1]]])
    return PlanarFlow(
        np.concatenate([f.a for f in flows]),
        np.concatenate([f.w for f in flows]),
        np.concatenate([f.t for f in flows]),
        np.concatenate([f.stops + offset for f, offset in zip(flows, offsets)]),
        np.concatenate([f.M for f in flows]),
        np.concatenate([f.m for f in flows]),
        domain=flows[0].domain,
    )
