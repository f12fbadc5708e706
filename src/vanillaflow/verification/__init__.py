"""Verdicts about the flow of an ODE, from a network and a proved bound of its error."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from ..certificates import Certificate
from ..certificates.agreement import require_own_types
from ..certificates.evaluation import evaluator
from ..enclosures.integrator import integrator
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..target import Target
from .branch_and_bound import explore, slack
from .counterexample import counterexample
from .margins import margin_of, prove, require_within
from .properties import Property, UnsafeSet
from .verdict import Verdict
from .vnnlib import read_vnnlib, write_vnnlib

__all__ = ["Property", "UnsafeSet", "Verdict", "read_vnnlib", "verify", "write_vnnlib"]

# Starts at which a violation is looked for at first.
_POINTS = 1024
# What the remainders of the validated integration of one start may add up to, as a part of the margin.
_REMAINDERS = 1e-4


def verify(
    flow: PlanarFlow | FeedforwardNetwork,
    target: Target,
    prop: Property,
    certificate: Certificate | None = None,
    max_cells: int = 1_000_000,
    max_seconds: float = float("inf"),
    seed: int = 0,
) -> Verdict:
    """Decide whether the property holds for the exact flow of the target.

    The network's error, at most `certificate.per_output`, is added to the unsafe sets. Then the verdict is

    - "holds" if branch and bound proves that the network reaches none of them;
    - "violated" if a start is found whose trajectory, enclosed by a validated integrator, ends in an unsafe
      set;
    - "unknown" otherwise, because the network is not accurate enough, or for lack of cells or seconds.

    Parameters
    ----------
    flow
        The flow or network.
    target
        The exact flow.
    prop
        The property; its starts lie in the target's box.
    certificate
        A rigorous certificate of this flow and target, which is believed; by default one is made.
    max_cells
        The largest number of cells of branch and bound.
    max_seconds
        The largest time.
    seed
        The seed of the search; the same seed gives the same verdict.

    Raises
    ------
    CertificateRefused
        For another certificate.
    ValueError
        If dimensions differ or starts lie outside the target's box.
    FieldError
        As `certify` does.
    """
    if (prop.inputs, prop.outputs) != (target.dim, target.dim):
        raise ValueError(
            f"the property has {prop.inputs} inputs and {prop.outputs} outputs, the flow {target.dim} of each"
        )
    for each in prop.unsafe:
        require_within(each.box, target.domain)
    own = require_own_types(flow, target)
    certificate, enclosure = prove(flow, target, certificate)
    margin = margin_of(certificate)
    begun = perf_counter()
    exact = integrator(own.field, own.duration, _REMAINDERS * certificate.bound)
    network = evaluator(flow, certificate.dtype)

    def late() -> bool:
        return perf_counter() - begun > max_seconds

    cells, unfinished = 0, False
    doubts: list[tuple[float, np.ndarray]] = []
    for unsafe, widened in zip(prop.unsafe, prop.widened(margin).unsafe):
        likely = _most_likely(network, unsafe, widened, seed)
        found = counterexample(target, exact, unsafe, likely)
        if found is None and len(likely) == 0:
            outcome = explore(network, enclosure, unsafe, widened, max_cells - cells, late)
            cells += outcome.cells
            unfinished |= outcome.open_cells > 0 and len(outcome.undecided) == 0
            likely = outcome.undecided
            found = counterexample(target, exact, unsafe, likely)
        if found is not None:
            point, image = found
            return Verdict("violated", prop.name, margin, cells, perf_counter() - begun, point, image)
        if len(likely):
            depth = slack(unsafe, target(likely))
            doubts.append((float(depth.min()), likely[np.argmin(depth)]))
    seconds = perf_counter() - begun
    if doubts:
        point = min(doubts, key=lambda doubt: doubt[0])[1]
        return Verdict(
            "unknown",
            prop.name,
            margin,
            cells,
            seconds,
            point,
            target(point[None])[0],
            "within the network's error an unsafe set is reached, and by the flow it was not found to be; "
            "a network of smaller tolerance can tell",
        )
    if unfinished:
        why = "the time ran out" if late() else f"more than {max_cells} cells would be needed"
        return Verdict("unknown", prop.name, margin, cells, seconds, reason=why)
    return Verdict("holds", prop.name, margin, cells, seconds)


def _most_likely(network, unsafe: UnsafeSet, widened: UnsafeSet, seed: int) -> np.ndarray:
    """Starts whose images under the network are in the widened set, the deepest first; perhaps none."""
    x = np.concatenate([unsafe.box.sample(_POINTS, seed), unsafe.box.corners(seed)])
    depth = slack(widened, network(x))
    order = np.argsort(depth)
    return x[order[depth[order] <= 0]][:_POINTS]
