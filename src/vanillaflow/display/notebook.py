"""Flows, networks and certificates in notebooks: small tables of HTML, with a picture in the plane.

Colors are those of the page, so that it does not matter whether it is light or dark; all text is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ..box import Box
from ..text import box_text, one_line, point_text
from .describe import Rows, accuracy_rows, flow_rows, network_rows, origin_rows

if TYPE_CHECKING:
    from ..certificates import Certificate
    from ..network.feedforward import FeedforwardNetwork
    from ..planar.flow import PlanarFlow

_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0;border:none;background:none"
_LABEL = f"{_CELL};font-weight:normal;opacity:0.7;white-space:nowrap"
_TABLE = "border:none;margin:0;max-width:38em;color:inherit;font-size:inherit"
_CAPTION = "text-align:left;caption-side:top;font-weight:bold;color:inherit;padding:2px 0"
# Of weights; the singular values of more take longer than one wants to wait for a cell.
_MOST_NUMBERS = 100_000


def flow_html(flow: PlanarFlow) -> str:
    """What a flow is, where it is from and how accurate; in the plane with its image of the domain's grid."""
    rows = [
        *flow_rows(flow),
        *origin_rows(flow.provenance, flow.domain),
        *accuracy_rows(flow.provenance, stages=False),
    ]
    return _page("PlanarFlow", rows, _picture(flow, flow.domain))


def network_html(network: FeedforwardNetwork) -> str:
    """The same of a network."""
    rows = [
        *network_rows(network, condition=network.parameters <= _MOST_NUMBERS),
        *origin_rows(network.provenance, network.domain),
        *accuracy_rows(network.provenance, stages=False),
    ]
    return _page("FeedforwardNetwork", rows, _picture(network, network.domain))


def certificate_html(certificate: Certificate) -> str:
    """What a certificate says, of what, and what it rests on."""
    rows = [
        ("says", certificate.statement),
        ("", certificate.basis),
        ("system", certificate.system),
        ("box", box_text(certificate.box)),
        ("duration", f"{certificate.duration:g}"),
        ("largest", f"{certificate.largest:.4g} at {point_text(certificate.worst_point)}"),
        ("precision", certificate.dtype),
        ("cells" if certificate.method == "rigorous" else "points", f"{certificate.points}"),
    ]
    if certificate.method != "rigorous":
        rows.append(("seed", f"{certificate.seed}"))
    rows.append(("made in", f"{certificate.seconds:.2g} s by vanillaflow {certificate.version}"))
    return _page(f"Certificate, {certificate.method}", rows)


def _picture(f: Callable[[np.ndarray], np.ndarray], domain: Box | None) -> str:
    from .grid_svg import grid_svg

    return grid_svg(f, domain) if domain is not None and domain.dim == 2 else ""


def _page(title: str, rows: Rows, picture: str = "") -> str:
    """The rows below their title, and the picture, which is HTML already, beside them."""
    body = "".join(
        f'<tr style="background:none"><th style="{_LABEL}">{_text(label)}</th>'
        f'<td style="{_CELL}">{_text(text)}</td></tr>'
        for label, text in rows
    )
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start">'
        f'<table style="{_TABLE}"><caption style="{_CAPTION}">{_text(title)}</caption>'
        f"<tbody>{body}</tbody></table>{picture}</div>"
    )


def _text(text: str) -> str:
    return escape(one_line(text))
