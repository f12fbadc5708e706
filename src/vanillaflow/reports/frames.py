"""The states between the planar maps, as a picture shows them: the affine map spread over the steps."""

from __future__ import annotations

import numpy as np
from scipy.linalg import expm, logm

from ..planar.flow import PlanarFlow

# How well the root must give the affine map back, and how much it may grow on the way.
_CLOSE, _LARGE = 1e-8, 1e3
# In more dimensions the logarithm takes longer than the picture is worth.
_MOST = 64


def affine_root(flow: PlanarFlow) -> np.ndarray | None:
    """(d + 1, d + 1), the L-th root of the affine map at the end of a flow of L planar maps, if it has one.

    The refinement keeps one affine map x -> M x + m behind all planar maps, which would turn the whole
    picture at once. Seen through the powers 1, ..., L of the root, each step turns it a little, and the last
    frame is the flow's value all the same. Homogeneous coordinates hold M and m in one matrix. None if there
    are affine maps elsewhere, or M has no real logarithm, as with an eigenvalue below zero.
    """
    if flow.dim > _MOST or flow.kinks == 0 or not flow.stops.size or np.any(flow.stops != flow.kinks):
        return None
    d, whole = flow.dim, np.eye(flow.dim + 1)
    for M, m in zip(flow.M, flow.m):
        step = np.eye(d + 1)
        step[:d, :d], step[:d, d] = M, m
        whole = step @ whole
    if np.any((np.abs(np.linalg.eigvals(whole).imag) < _CLOSE) & (np.linalg.eigvals(whole).real <= 0)):
        return None
    logarithm = np.asarray(logm(whole))
    if np.max(np.abs(logarithm.imag)) > _CLOSE or np.max(np.abs(logarithm)) > _LARGE:
        return None
    root = expm(logarithm.real / flow.kinks)
    if np.max(np.abs(np.linalg.matrix_power(root, flow.kinks) - whole)) > _CLOSE * np.max(np.abs(whole)):
        return None
    return root
