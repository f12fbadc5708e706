"""The zoo, compiled once per session with the split construction: the flows on which laws are tested."""

from functools import cache

import vanillaflow as vf
from vanillaflow import FeedforwardNetwork, FlowMap, PlanarFlow

NAMES = tuple(vf.zoo.names())
SMALL = tuple(name for name in NAMES if vf.zoo.load(name).domain.dim <= 3)


TOLERANCE = 1e-1


@cache
def target(name: str) -> FlowMap:
    """The exact flow; for the large systems to 1e-6, five orders below the compiler's tolerance."""
    system = vf.zoo.load(name)
    return FlowMap(
        system.field, system.duration, system.domain, name=name, rtol=1e-10 if name in SMALL else 1e-6
    )


@cache
def compiled(name: str) -> PlanarFlow:
    return vf.compile(target(name), TOLERANCE, method="split")


@cache
def lowered(name: str, dialect: str = "leaky_relu") -> FeedforwardNetwork:
    return compiled(name).to_network(dialect)
