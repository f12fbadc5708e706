"""How far a network is from the flow it stands for, and how that is known."""

from __future__ import annotations

import numbers
import secrets
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from ..choices import CERTIFICATION_METHODS, did_you_mean
from ..deadline import TimeIsUp, within
from ..errors import VanillaflowError
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..sampling.search import thorough
from ..target import Target
from ..validation import require_positive
from .certificate import Certificate, Finding
from .evaluation import evaluator
from .fingerprints import network_hash, system_hash
from .sampled import certify_sampled
from .statistical import certify_statistical

# What is stated is stated of a flow that is solved at least so well: a loose tolerance loosens no claim.
_RTOL = 1e-10
# The exact flow is solved a second time at the worst point and at so many others, and must agree to this part
# of the largest error. With fifteen, points that are a tenth of the box are missed one time in five, but a
# push in time moves all.
_RESOLVED_AT, _PART = 15, 0.1

__all__ = ["Certificate", "certify", "known_seed"]


def _by_samples(flow: Any, target: Target, dtype: str, **options: Any) -> Finding:
    # Every output is searched, since the certificate speaks of each; and a network more thoroughly than a
    # PlanarFlow, whose kinks are known.
    if not isinstance(flow, PlanarFlow):
        options = thorough(target) | options
    return certify_sampled(evaluator(flow, dtype), target, each_output=True, **options)


def _statistical(flow: Any, target: Target, dtype: str, **options: Any) -> Finding:
    return certify_statistical(evaluator(flow, dtype), target, **options)


def _rigorous(flow: Any, target: Target, dtype: str, **options: Any) -> Finding:
    # SymPy comes with it, which the other methods do without.
    from .rigorous import certify_rigorous

    return certify_rigorous(flow, target, dtype, **options)


# Those that compare at points; the third is a proof.
_METHODS: dict[str, Callable[..., Finding]] = {"sampled": _by_samples, "statistical": _statistical}


def certify(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    method: str = "sampled",
    seed: int | None = 0,
    dtype: str = "float64",
    max_seconds: float = float("inf"),
    **options: Any,
) -> Certificate:
    """Measure or prove how large |flow(x) - target(x)| is over the box, in the max norm.

    The exact flow is solved to a relative tolerance of 1e-10, or to the target's own if that is smaller.
    Before a sampled or statistical error is stated, the exact flow is solved a second time at the worst point
    and some others, with steps of limited length, and must come out the same to a tenth of the error.

    Parameters
    ----------
    flow
        The flow or network.
    target
        The exact flow.
    method
        "sampled": the largest error found on low-discrepancy points, faces, corners and by a local search
        from the worst of them. It is a lower bound of the supremum, and in practice close to it; see
        `sampled.certify_sampled` for the options.

        "statistical": an error that, with the given `confidence`, at most a small part of the box exceeds,
        from independent random points. It is exact, and true for errors that no search would find, but
        silent on that part; see `statistical.certify_statistical` for the options `points`, `confidence` and
        `coverage`.

        "rigorous": a proved upper bound, for fields given as ridge sums, layers or equations; see
        `rigorous.certify_rigorous` for the options and for what the proof assumes.
    seed
        The seed of the points; the same seed gives the same points, and None draws one that cannot be
        predicted.
    dtype
        The precision in which a network is evaluated, as an export in that precision is.
    max_seconds
        The time, in seconds. A proof ends after about so long with the bound that it has then; the other
        methods, whose statements are of all their points, raise VanillaflowError.
    **options
        The options of the method.

    Raises
    ------
    ValueError
        For an unknown method or dtype, a bad seed or option, or when the dimensions differ.
    FlowNotResolved
        Where the two solves do not agree; it names the time.
    VanillaflowError
        If a method other than "rigorous" takes more than `max_seconds`.
    """
    if method not in CERTIFICATION_METHODS:
        known = ", ".join(CERTIFICATION_METHODS)
        raise ValueError(
            f"unknown certification method {method!r}; known are {known}"
            + did_you_mean(method, CERTIFICATION_METHODS)
        )
    seed = known_seed(seed)
    if flow.dim != target.dim:
        raise ValueError(f"the flow has dimension {flow.dim} but the target has dimension {target.dim}")
    start = perf_counter()
    if target.rtol > _RTOL:
        target = target.finer(target.rtol / _RTOL)
    if max_seconds != float("inf"):
        require_positive("max_seconds", max_seconds)
    if method == "rigorous":
        finding = _rigorous(flow, target, dtype, seed=seed, max_seconds=max_seconds, **options)
    else:
        try:
            with within(max_seconds):
                finding = _measure(flow, target, method, dtype, seed, options)
        except TimeIsUp:
            raise VanillaflowError(
                f"{max_seconds:g} s are too few to compare at all points; allow more, or take fewer points"
            ) from None
    return Certificate(
        **vars(finding),
        dtype=dtype,
        network_hash=network_hash(flow, dtype),
        system=target.name,
        system_hash=system_hash(target),
        duration=target.duration,
        box=target.domain,
        reference=target.reference,
        seconds=perf_counter() - start,
    )


def _measure(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    method: str,
    dtype: str,
    seed: int,
    options: dict[str, Any],
) -> Finding:
    """By points; where the exact flow is not what it seems to be, FlowNotResolved is raised."""
    finding = _METHODS[method](flow, target, dtype, seed=seed, **options)
    x = np.concatenate([finding.worst_point[None], target.domain.uniform(_RESOLVED_AT, seed)])
    target.require_resolved(x, _PART * finding.largest)
    return finding


def known_seed(seed: int | None) -> int:
    """The seed, or for None one that cannot be predicted. Raises ValueError unless it is 0 or more."""
    if seed is None:
        return secrets.randbelow(2**32)
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise ValueError(f"seed must be a whole number, 0 or more, got {seed!r}")
    return int(seed)
