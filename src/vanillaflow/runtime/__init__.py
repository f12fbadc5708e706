"""The kernels that evaluate planar flows: forward, log-determinant and derivatives, for any dimension."""

from .runtime import Runtime

__all__ = ["Runtime"]
