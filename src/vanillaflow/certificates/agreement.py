"""Does what is certified compute what its data say?

A proof is about the data: a call that does something else would have a true certificate of what nobody runs.

What the types say is required exactly, as a subclass may do anything. And the data may not be those that a
call goes by: functions of one's own, and attributes that were set afterwards. So calls are compared with
enclosures from the data, at points that nobody could know before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ..box import Box
from ..enclosures.bisection import Enclosure
from ..enclosures.forms import UP, Forms
from ..enclosures.integrator import Integrator
from ..errors import FieldError
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..target import FlowMap, Target
from ..validation import require_positive

# Points of the box, and around it: trajectories leave it. How much larger that is, in widths.
_POINTS, _AROUND = 64, 0.5
# Moments of each piece in time, and how many of these.
_MOMENTS, _PIECES = 4, 64
# A field in float64 rounds about as much as its program in affine forms says for itself, in another order and
# with library functions of other makers; and a solver's errors are some hundred times its tolerance, a
# thousand in chaotic systems. Both are heuristics on the safe side: what is caught are other functions.
_ROUNDINGS, _TOLERANCES = 64.0, 1e4
_PART = 1e-12


def require_own_types(flow: object, target: Target) -> FlowMap:
    """The target, a FlowMap.

    Raises FieldError for subclasses of what a proof can be of, and for a target whose parts do not fit.
    """
    for thing, known in (
        (flow, (PlanarFlow, FeedforwardNetwork)),
        (target, (FlowMap,)),
        (target.domain, (Box,)),
    ):
        if type(thing) not in known:
            names = " or ".join(kind.__name__ for kind in known)
            raise FieldError(
                f"a rigorous certificate is of the numbers of a {names} itself, and this is a "
                f"{type(thing).__name__}, which may compute something else; method='sampled' measures that"
            )
    assert isinstance(target, FlowMap)
    require_positive("duration", target.duration)
    dim = getattr(target.field, "dim", target.dim)
    if dim != target.dim:
        raise FieldError(f"the field has dimension {dim} but the box has dimension {target.dim}")
    return target


def require_same_field(exact: Integrator, target: FlowMap, rng: np.random.Generator) -> None:
    """Compare the field's values, at points and times, with those of its program.

    Raises FieldError, naming the point and the time, where they disagree.
    """
    box = target.domain
    x = box.low + box.width * rng.uniform(-_AROUND, 1 + _AROUND, (_POINTS, box.dim))
    x[: _POINTS // 2] = box.clip(x[: _POINTS // 2])
    few = rng.permutation(len(exact.pieces))[:_PIECES]
    for begin, end, program in (exact.pieces[i] for i in few):
        # Not at the end, where the next piece begins.
        last = np.nextafter(end, begin)
        for t in np.minimum(begin + (end - begin) * rng.uniform(0, 1, _MOMENTS), last):
            with np.errstate(all="ignore"):
                found = np.asarray(target.field(float(t), x.copy()), dtype=np.float64)
                n = len(x)
                at = Forms(np.full((1, n), t), np.zeros((0, 1, n)), np.zeros((1, n)))
                exactly = program.slope(_points(x), at)
            if found.shape != x.shape:
                raise FieldError(f"the field returned shape {found.shape} for points of shape {x.shape}")
            size = np.abs(exactly.c).max(axis=0) + 1.0
            apart = ~(np.abs(found.T - exactly.c) <= _ROUNDINGS * exactly.radius + _PART * size)
            known = np.isfinite(exactly.c) & np.isfinite(exactly.radius)
            if np.any(apart & known):
                at_point = int(np.argmax((apart & known).any(axis=0)))
                raise _disagreement(
                    f"field, called at time {t:.6g}", x[at_point], found[at_point], exactly.c[:, at_point]
                )


def require_same_network(
    enclosure: Enclosure, evaluate: Callable[[np.ndarray], np.ndarray], domain: Box, rng: np.random.Generator
) -> None:
    """Raises FieldError, naming the point, where the network's values are outside what encloses them."""
    x = domain.low + domain.width * rng.uniform(0, 1, (_POINTS, domain.dim))
    y, forms = evaluate(x), enclosure(x, np.zeros_like(x))
    apart = ~(np.abs(y.T - forms.c) <= forms.radius * UP) & np.isfinite(forms.r)
    if apart.any():
        at = int(np.argmax(apart.any(axis=0)))
        raise _disagreement("network, called", x[at], y[at], forms.c[:, at])


@dataclass(frozen=True)
class Certain:
    """What is certain of the error at a point: at least and at most so much, not a number if unknown."""

    least: float
    most: float


def certain_error(
    exact: Integrator,
    target: FlowMap,
    evaluate: Callable[[np.ndarray], np.ndarray],
    x: Float[np.ndarray, " d"],
) -> Certain:
    """The error at the point x, in the max norm, from an enclosure of its trajectory.

    Raises FieldError if the target's call is farther from that than its solver may be.
    """
    images, found = exact.points(x[None])
    if not found[0]:
        return Certain(np.nan, np.nan)
    c, r = images.c[:, 0], images.radius[:, 0] * UP
    called, y = target(x[None])[0], evaluate(x[None])[0]
    size = 1.0 + float(np.abs(x).max()) + float(np.abs(c).max())
    if not np.all(np.abs(called - c) <= r + _TOLERANCES * target.rtol * size):
        raise _disagreement("target, called", x, called, c)
    off = np.abs(y - c)
    # Of each coordinate; the differences are rounded.
    part = 2.0**-50 * (np.abs(y) + np.abs(c))
    return Certain(float(np.max(off - r - part)), float(np.max(off + r + part)))


def _points(x: Float[np.ndarray, "n d"]) -> Forms:
    c = np.ascontiguousarray(x.T)
    return Forms(c, np.zeros((0, *c.shape)), np.zeros_like(c))


def _disagreement(what: str, x: np.ndarray, found: np.ndarray, exactly: np.ndarray) -> FieldError:
    def text(values: np.ndarray) -> str:
        return "(" + ", ".join(f"{v:.6g}" for v in values[:8]) + (", ..." if values.size > 8 else "") + ")"

    return FieldError(
        f"the {what} at the point {text(x)}, gives {text(found)}, and its data give {text(exactly)}: they "
        "disagree, and a proof would be of the data only"
    )
