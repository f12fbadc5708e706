"""What flows, networks and their provenance look like to a reader: rows of a label and a text, for terminals
(`cli.text.rows`) and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..box import Box
from ..network.dialects import DIALECTS
from ..network.feedforward import FeedforwardNetwork
from ..planar.flow import PlanarFlow
from ..provenance import Provenance
from ..text import box_text, range_text

if TYPE_CHECKING:
    from ..export.precision import PrecisionErrors

Rows = list[tuple[str, str]]


_LAYERS = {"LeakyRelu": "leaky-ReLU", "PRelu": "PReLU", "Relu": "ReLU"}


def network_rows(network: FeedforwardNetwork, condition: bool = True) -> Rows:
    """Shape, dialect, slopes; and the condition, which takes singular values of all weights."""
    dialect = DIALECTS[network.dialect]
    rows = [
        (
            "network",
            f"width {network.width}, depth {network.depth} ({_LAYERS[dialect.activation]} layers), "
            f"{network.parameters} parameters",
        ),
        ("dialect", f"{network.dialect}: {dialect.summary}"),
        *_slopes_rows(network),
    ]
    if condition:
        rows.append(("condition", f"{network.condition_numbers().max():.4g}, the largest of a weight matrix"))
    return rows


def _slopes_rows(network: FeedforwardNetwork) -> Rows:
    slopes = network.slopes
    kind = DIALECTS[network.dialect].activation
    if kind == "Relu":
        return []
    if kind == "PRelu":
        # Those of 1 only pass a coordinate on.
        return [("slopes", range_text(slopes[slopes < 1]))]
    # A kappa that stands for one slope, before it is lowered with that slope, has its rounding.
    if slopes.size > 1 and np.ptp(slopes) <= 1e-9 * slopes.max():
        return [("slope", f"{slopes[0]:.6g} in every layer")]
    return [("slopes", range_text(slopes))]


def flow_rows(flow: PlanarFlow) -> Rows:
    stops = flow.stops.size
    return [
        (
            "flow",
            f"{flow.kinks} kinks (planar maps), {stops} affine map{'s' * (stops != 1)}, dimension {flow.dim}",
        )
    ]


def origin_rows(provenance: Provenance | None, domain: Box | None) -> Rows:
    """System, box, duration."""
    where = "none recorded: nothing is promised anywhere" if domain is None else box_text(domain)
    if provenance is None:
        return [("box", where), ("origin", "not recorded")]
    return [("system", provenance.system), ("box", where), ("duration", f"{provenance.duration:g}")]


def precision_rows(errors: PrecisionErrors) -> Rows:
    """What each precision costs."""
    missing = 'not measured: needs onnxruntime, pip install "vanillaflow[onnxruntime]"'
    return [
        (
            "precision",
            f"the largest change of an output against float64, at {errors.points} points of the box:",
        ),
        *[(name, f"{getattr(errors, name):.3g}") for name in ("float32", "float16", "bfloat16")],
        ("int8", missing if errors.int8 is None else f"{errors.int8:.3g}, quantized by ONNX Runtime"),
    ]


def accuracy_rows(provenance: Provenance | None, stages: bool = True) -> Rows:
    """Tolerance, error and how it is known, method with its stages, time."""
    if provenance is None:
        return []
    rows: Rows = []
    if provenance.error is not None:
        error, how = provenance.error, provenance.how_known
        rows.append(("error", f"{error:.4g} (max norm, over the box): {how}"))
    if provenance.tolerance is not None:
        rows.append(("tolerance", f"{provenance.tolerance:g}"))
    method = provenance.method
    if stages and provenance.path:
        path = [f"{stage} ({kinks} kinks, error {error:.3g})" for stage, kinks, error in provenance.path]
        method += f": {'; '.join(path)}"
    rows.append(("method", method))
    if provenance.seconds is not None:
        rows.append(("compiled in", f"{provenance.seconds:.1f} s by vanillaflow {provenance.version}"))
    return rows
