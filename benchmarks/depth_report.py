"""The Markdown of `depth`: depths side by side for each tolerance, then every row of every system."""

from __future__ import annotations

from depth_rows import Row, Rows
from results_file import table
from trained_mlp import HIDDEN_LAYERS

TITLES = {
    "paper": "paper",
    "split": "split",
    "ridge": "ridge",
    "refine": "refine",
    "residual": "Euler residual",
    "mlp": "ReLU MLP",
}
INTRODUCTION = """\
Depth is the number of activation layers. **paper**, **split**, **ridge** and **refine** are vanilla networks
of width d with leaky ReLU and no skip connection; a `~` marks a size extrapolated by the laws of the
construction, too large to build. **Euler residual** is the residual network that takes forward Euler steps of
the same field, with as many blocks as the tolerance takes: its activations are the field's own functions, not
piecewise linear, and its hidden layer has one neuron per ridge of the field. **ReLU MLP** has {layers} hidden
layers and as many parameters as the network of {model}, and was trained by Adam on exact samples of the flow
for as long as {model} took, at least 10 s: the error that it reached is shown.

Errors are the supremum over the box of the max norm, found by sampling and local search with a seed that no
method has used. Tolerances are absolute, in the units of the state{scaled}."""
DETAILS = """\
Parameters are weights and biases. Those of the residual network are counted with blocks of their own; the
remark says how many there are when all blocks share theirs. The condition is the largest condition number of
a weight matrix (2-norm) in a vanilla network, the float32 loss the largest difference between that network in
single precision and in double, as a part of the tolerance. Seconds are those of the compilation, of the
search for the number of blocks, or of sampling and training."""


def report(rows: Rows, order: list[str]) -> str:
    """Everything in `rows`, systems in the given `order`."""
    systems = rows.systems(order)
    parts = ["# Depth against error", _introduction(rows, systems)]
    for tolerance in rows.tolerances():
        parts += [f"## Depth for tolerance {tolerance:g}", _side_by_side(rows, systems, tolerance)]
    parts += ["![log-log plots of error against depth, one for each system](depth.png)"]
    parts += ["## Every measurement", DETAILS]
    for name in systems:
        parts += [f"### {name}", _details(rows.of_system(name))]
    parts += [f"Measured on: {line}." for line in rows.environments()]
    return "\n\n".join(parts) + "\n"


def _introduction(rows: Rows, systems: list[str]) -> str:
    models = {
        row.settings["model"] for name in systems for row in rows.of_system(name) if row.method == "mlp"
    }
    return INTRODUCTION.format(
        layers=HIDDEN_LAYERS, model=" or ".join(sorted(models)) or "refine", scaled=_scaled(rows, systems)
    )


def _scaled(rows: Rows, systems: list[str]) -> str:
    """The systems with relative tolerances and the displacement that these are multiplied by."""
    first = [rows.of_system(name)[0] for name in systems]
    relative = [
        f"those of {row.system} times its largest displacement, {row.absolute / row.tolerance:.3g}"
        for row in first
        if row.absolute != row.tolerance
    ]
    return "".join(f"; {line}" for line in relative)


def _side_by_side(rows: Rows, systems: list[str], tolerance: float) -> str:
    header = [
        "system",
        "d",
        "paper",
        "split",
        "ridge",
        "refine",
        "paper / refine",
        "Euler residual blocks",
        "error of the ReLU MLP",
    ]
    lines = []
    for name in systems:
        found = {row.method: row for row in rows.of_system(name) if row.tolerance == tolerance}
        if not found:
            continue
        lines.append(
            [
                name,
                str(next(iter(found.values())).dim),
                *(_depth(found.get(method)) for method in ("paper", "split", "ridge", "refine")),
                _ratio(found.get("paper"), found.get("refine")),
                _depth(found.get("residual")),
                _verdict(found.get("mlp")),
            ]
        )
    return table(header, lines)


def _depth(row: Row | None) -> str:
    """The depth that reaches the tolerance, or in few words why there is none."""
    if row is None:
        return ""
    if row.reached or row.estimated:
        return _count(row.depth, row.estimated)
    if row.error is None:
        return row.remark
    size = f"{row.kinks:,} kinks" if row.kinks is not None else f"{row.depth:,} blocks"
    reason = f"not within {row.settings['max_seconds']:g} s" if _timed_out(row) else "not reached"
    return f"{reason}: {row.error:.1e} with {size}"


def _timed_out(row: Row) -> bool:
    limit = row.settings.get("max_seconds")
    return limit is not None and row.seconds >= 0.9 * limit


def _ratio(paper: Row | None, refine: Row | None) -> str:
    if not (paper and refine and refine.reached and (paper.reached or paper.estimated)):
        return ""
    return _count(round(paper.depth / refine.depth), paper.estimated) + " x"


def _verdict(row: Row | None) -> str:
    if row is None:
        return ""
    if row.error is None:
        return "diverged"
    return f"{row.error:.1e}" + ("" if row.reached else " (missed)")


def _count(number: int | None, estimated: bool) -> str:
    """All digits of what was counted, two of what was extrapolated."""
    if number is None:
        return ""
    return f"~{int(float(f'{number:.1e}')):,}" if estimated else f"{number:,}"


def _details(rows: list[Row]) -> str:
    header = ["method", "tolerance", "error", "kinks", "depth", "width", "parameters"]
    header += ["condition", "float32 loss", "seconds", "remark"]
    return table(
        header,
        [
            [
                TITLES[row.method],
                f"{row.absolute:.3g}",
                "" if row.error is None else f"{row.error:.2e}",
                _count(row.kinks, row.estimated),
                _count(row.depth, row.estimated),
                "" if row.width is None else str(row.width),
                _count(row.parameters, row.estimated),
                "" if row.condition is None else f"{row.condition:.3g}",
                "" if row.rounding is None else f"{row.rounding / row.absolute:.2%}",
                f"{row.seconds:.1f}",
                row.remark,
            ]
            for row in rows
        ],
    )
