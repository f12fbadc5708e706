"""The page: the template with its style, scripts, texts and numbers put in."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template

from .. import __version__
from .arrays import script_json
from .contents import Contents
from .depth_curve import curve_stages, depth_curve
from .layers import count_left_out, layer_table
from .page_data import page_data
from .reproduce import command_line, python_lines, versions
from .sections import (
    certificate_section,
    count_text,
    equations,
    evaluation_note,
    facts,
    layers_text,
    lead,
    rows,
    safe,
    slice_note,
    steps_text,
)

# In this order: each uses what those before define.
_SCRIPTS = ("arrays", "maps", "field", "kinks", "plot", "model", "pictures", "page")


def page(contents: Contents, command: list[str] | None, compile_seed: int | None) -> str:
    """The whole HTML text."""
    style = _text("page.css")
    script = "\n".join(_text("scripts", f"{name}.js") for name in _SCRIPTS)
    data = page_data(contents)
    curve, curve_caption = _curve(contents)
    kinks, frames = contents.flow.kinks, data["precision"] == "frames"
    one = contents.target.dim == 1
    largest = max(float(part.error.max()) for part in contents.slices)
    texts = {
        "policy": _policy(style, script),
        "version": __version__,
        "title": safe(f"{contents.system.name}: its flow as a network"),
        "style": style,
        "lead": lead(contents),
        "equations": equations(contents),
        "summary_class": "summary has-equations" if contents.system.equations else "summary",
        "facts": facts(contents),
        "steps_text": steps_text(contents),
        "evaluation_note": evaluation_note(contents, data["precision"], "network" in data),
        "slider_label": "depth",
        "pair_control": _pair_control(contents),
        "kinks_caption": _kinks_caption(kinks, frames, one),
        "network_caption": "" if frames else "Bold: the way of the starting point, step by step.",
        "exact_caption": "Bold: the point's trajectory.",
        "coordinates": _coordinates(contents),
        "slice_note": slice_note(contents),
        "scale_hidden": " hidden" if one else "",
        "error_alt": safe(f"Error over the box, at most {largest:.3g}"),
        "scale_alt": safe(
            f"Colour scale of the error, from 0 to {max(largest, contents.certificate.bound):.3g}"
        ),
        "error_caption": _error_caption(contents, largest),
        "curve": curve,
        "curve_caption": curve_caption,
        "certificate": certificate_section(contents.certificate),
        "layers_text": layers_text(contents, count_left_out(contents.network)),
        "layers": layer_table(contents.network),
        "reproduce": _reproduce(contents, command, compile_seed),
        "data": script_json(data),
        "script": script,
    }
    return Template(_text("page.html")).substitute(texts)


def _text(*place: str) -> str:
    return files("vanillaflow.reports").joinpath(*place).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """A content security policy under which nothing is loaded, and nothing runs but the page's own script."""
    return (
        f"default-src 'none'; style-src 'sha256-{_sha256(style)}'; script-src 'sha256-{_sha256(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _pair_control(contents: Contents) -> str:
    if len(contents.slices) < 2:
        return ""
    names = contents.system.variables
    options = [
        f'<option value="{k}">{safe(" and ".join(names[i] for i in part.pair))}</option>'
        for k, part in enumerate(contents.slices)
    ]
    return f'<label>slice <select id="pair" autocomplete="off">{"".join(options)}</select></label>'


def _coordinates(contents: Contents) -> str:
    """A number field for each coordinate of a slice."""
    pair = contents.slices[0].pair
    return "".join(
        f"<label><span>{safe(contents.system.variables[i])}</span>"
        f'<input type="number" id="start-{k}" step="any" autocomplete="off"></label>'
        for k, i in enumerate(pair)
    )


def _kinks_caption(kinks: int, frames: bool, one: bool) -> str:
    if kinks == 0:
        return "There are no kinks."
    if frames:
        return f"The {count_text(kinks, 'kink')} are too many to be drawn here."
    what = "Points" if one else "Lines"
    ramp = '<span class="ramp" aria-hidden="true"><i></i><span>first</span><span>last</span></span>'
    return f"{what} where the map so far has a kink, in order of depth: {ramp}"


def _error_caption(contents: Contents, largest: float) -> str:
    certificate, d = contents.certificate, contents.target.dim
    if d <= 2:
        worst = f"Square: the worst point found, {certificate.largest:.4g}."
    else:
        worst = (
            f"Square: the worst point of this slice; the largest error in the whole box that was found is "
            f"{certificate.largest:.4g}."
        )
    provenance = contents.provenance
    asked = ""
    if provenance is not None and provenance.tolerance is not None:
        asked = f" The tolerance asked for was {provenance.tolerance:g}."
    return safe(f"Max norm of the difference from the exact flow, over the starting points. {worst}{asked}")


def _curve(contents: Contents) -> tuple[str, str]:
    """The drawing of error against kinks, and its caption."""
    stages = curve_stages(contents.provenance)
    if not stages:
        return "", "The stages of the compilation are not recorded."
    assert contents.provenance is not None
    drawing = depth_curve(stages, contents.provenance.tolerance)
    return drawing, safe(
        f"Error against kinks along the compilation, method {contents.provenance.method}; filled: the result."
    )


def _reproduce(contents: Contents, command: list[str] | None, compile_seed: int | None) -> str:
    python = python_lines(contents, command, compile_seed)
    return (
        f"<p>On the command line:</p><pre><code>{escape(command_line(contents, command))}</code></pre>"
        f"<p>In Python:</p><pre><code>{escape(python)}</code></pre>"
        "<p>The numbers are those of these versions; the same seeds give the same points everywhere.</p>"
        f"{rows(versions(contents))}"
    )
