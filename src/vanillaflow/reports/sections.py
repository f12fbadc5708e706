"""The texts of a report, each a piece of HTML in which everything that comes from elsewhere is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from html import escape

import numpy as np

from ..certificates import Certificate
from ..certificates.certificate import round_up
from ..text import box_text, one_line, point_text
from .contents import Contents

_EQUATIONS = 8
_KINDS = {"leaky_relu": "leaky-ReLU", "prelu": "PReLU", "relu": "ReLU"}


def safe(text: str) -> str:
    """The text on one line, without control characters, for HTML text and attributes."""
    return escape(one_line(text), quote=True)


def group_digits(count: int) -> str:
    """`1234`, and `12 345` with a thin space that does not break."""
    return f"{count:,}".replace(",", "\u202f" if count >= 10_000 else "")


def count_text(count: int, noun: str) -> str:
    return f"{group_digits(count)} {noun}{'s' * (count != 1)}"


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """A <dl> of names and texts."""
    items = "".join(f"<dt>{safe(name)}</dt><dd>{safe(text)}</dd>" for name, text in pairs)
    return f'<dl class="rows">{items}</dl>'


def lead(contents: Contents) -> str:
    network, certificate = contents.network, contents.certificate
    layers = count_text(network.depth, f"{_KINDS[network.dialect]} layer")
    return (
        f"A plain feedforward network of width {network.width} with {layers} "
        f"carries every starting point of the box to where the system is after a duration of "
        f"{contents.target.duration:g}. {_error(certificate)}"
    )


def _error(certificate: Certificate) -> str:
    if certificate.method == "rigorous":
        return f"It is off by at most {round_up(certificate.bound, 2)}: proved."
    if certificate.coverage is not None:
        part = round_up(1 - Decimal(repr(certificate.coverage)), 1)
        return (
            f"It is off by at most {round_up(certificate.bound, 2)} on all but a fraction {part} of "
            f"the box, with confidence {certificate.confidence:g}."
        )
    return f"The largest error that a search found is {certificate.bound:.2g}."


def equations(contents: Contents) -> str:
    known = contents.system.equations
    items = [f"<li>{safe(text)}</li>" for text in known[:_EQUATIONS]]
    if len(known) > _EQUATIONS:
        items.append(f"<li>and {count_text(len(known) - _EQUATIONS, 'equation')} more</li>")
    if contents.system.parameters:
        items.append(f'<li class="parameters">{safe(", ".join(contents.system.parameters))}</li>')
    return f'<ul class="equations">{"".join(items)}</ul>' if items else ""


def facts(contents: Contents) -> str:
    network, provenance, certificate = contents.network, contents.provenance, contents.certificate
    tolerance = (
        "not recorded" if provenance is None or not provenance.tolerance else f"{provenance.tolerance:g}"
    )
    pairs = [
        ("box", _shown_box(contents)),
        ("duration", f"{contents.target.duration:g}"),
        ("tolerance", tolerance),
        (f"error, {certificate.method}", f"{certificate.bound:.3g}"),
        ("kinks", group_digits(contents.flow.kinks)),
        ("depth", count_text(network.depth, "layer")),
        ("width", str(network.width)),
        ("parameters", group_digits(network.parameters)),
    ]
    return "".join(
        f"<div><dt>{safe(name)}</dt><dd>{_superscripts(safe(text))}</dd></div>" for name, text in pairs
    )


def _shown_box(contents: Contents) -> str:
    return (
        box_text(contents.target.domain).replace(" x ", " × ").replace("-", "\u2212").replace(", ", ",\u00a0")
    )


def _superscripts(text: str) -> str:
    """HTML with the exponents of a box raised."""
    return re.sub(r"\]\^(\d+)", r"]<sup>\1</sup>", text)


def steps_text(contents: Contents) -> str:
    """What a step of the pictures is."""
    flow = contents.flow
    if flow.kinks == 0:
        return "<p>This flow has no kinks: it is one affine map, and the network one affine layer.</p>"
    affine = (
        "The affine map behind them is spread over the steps, so that each turns the picture a little."
        if contents.root is not None
        else "Affine maps act between them."
    )
    return (
        "<p>Each step is one planar map <i>x</i> ↦ <i>x</i> + <i>a</i> max(0, <i>w</i>·<i>x</i> − <i>t</i>): "
        "it leaves one side of a line where it is and stretches or shears the other. "
        f"{group_digits(flow.kinks)} of them make the flow. {affine}</p>"
    )


def evaluation_note(contents: Contents, precision: str, layers: bool) -> str:
    """Where the numbers of the pictures come from, and what that has to do with the network's layers."""
    if precision == "frames":
        return (
            '<p class="note">The maps are too many for this file. It holds the grid at some depths, computed '
            "when the report was made.</p>"
        )
    digits = "" if precision == "float64" else ", rounded to float32 to keep the file small"
    depth = count_text(contents.network.depth, "layer")
    text = (
        f"The page evaluates the maps itself, from their numbers{digits}. The network's {depth} compute the "
        "same in coordinates of their own, skewed and shifted, which nobody would recognize; so the steps "
        "that are drawn are the maps'. "
    )
    check = (
        "On the grid the layers, evaluated here too, differ from the maps by at most "
        '<output id="layers-apart">…</output>.'
        if layers
        else "The layers themselves are left out of this file for their size."
    )
    return f'<p class="note">{text}{check}</p>'


def slice_note(contents: Contents) -> str:
    """Where the pictures are in a box of more than two dimensions, and where the trajectories come from."""
    d, notes = contents.target.dim, []
    if d > 2:
        notes.append(
            "The pictures are slices: two coordinates vary over the box, the others start at its centre. "
            "Images are projected onto the same two; the error is that of all coordinates."
        )
    if d == 1:
        notes.append("In one dimension the pictures are graphs: the image over the starting point.")
    if contents.ode is not None:
        notes.append(
            "The exact trajectory of the point is integrated in the page, by Runge-Kutta steps that end "
            f"within {contents.ode.error:.0e} of the solver's."
        )
    else:
        notes.append(
            "The field is no sum of ridges that the page could integrate; trajectories were stored when the "
            "report was made, and the point moves among their starts."
        )
    return f'<p class="note">{safe(" ".join(notes))}</p>'


def certificate_section(certificate: Certificate) -> str:
    confidence = {0.0: "none: a lower bound of the supremum", 1.0: "a proof"}
    pairs = [
        ("method", certificate.method),
        ("bound", f"{certificate.bound:.6g}"),
        ("each output", ", ".join(f"{value:.3g}" for value in certificate.per_output[:8])
            + (", ..." if certificate.per_output.size > 8 else "")),
        ("confidence", confidence.get(certificate.confidence, f"{certificate.confidence!r}")),
        ("worst point", f"{point_text(certificate.worst_point)}, with error {certificate.largest:.6g}"),
        ("compared", f"{certificate.points} {'cells' if certificate.method == 'rigorous' else 'points'}"),
        ("precision", certificate.dtype),
        ("seed", str(certificate.seed)),
        ("network", f"SHA-256 {certificate.network_hash}"),
        ("system", f"SHA-256 {certificate.system_hash}"),
    ]  # fmt: skip
    return (
        f'<p class="statement">{safe(certificate.statement)}</p><p>{safe(certificate.basis)}</p>{rows(pairs)}'
    )


def layers_text(contents: Contents, omitted: int) -> str:
    network = contents.network
    slopes = network.slopes[network.slopes < 1]
    about = f"Slopes from {slopes.min():.3g} to {slopes.max():.3g}. " if slopes.size and slopes.any() else ""
    worst = np.max(network.condition_numbers())
    layers = count_text(network.depth, f"{_KINDS[network.dialect]} layer")
    missing = f" The table leaves out {count_text(omitted, 'layer')} near the end." if omitted else ""
    return safe(
        f"{layers} of width {network.width} and an affine "
        f"one. {about}No weight matrix has a condition number above {worst:.3g}.{missing}"
    )
