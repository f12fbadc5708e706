"""Flows of the zoo that several pages and examples compile: vf.compile, which remembers them.

The same arguments give the same flow, so that nothing changes but the time.
"""

from functools import cache

import vanillaflow as vf

_compile = vf.compile


@cache
def _compiled(name: str, tol: float) -> vf.PlanarFlow:
    return _compile(vf.zoo.load(name).target(), tol)


def shared_compile(target, tol, *arguments, **options):
    if target.name in vf.zoo.names() and not arguments and not options:
        return _compiled(target.name, tol)
    return _compile(target, tol, *arguments, **options)
