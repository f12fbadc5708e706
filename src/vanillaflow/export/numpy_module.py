"""Python source: a module of literals and one function that needs NumPy only."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ..files import write_atomically
from ..network.feedforward import FeedforwardNetwork
from .origin import origin_paragraphs
from .stacks import stacked_layers

if TYPE_CHECKING:
    from os import PathLike

_WIDTH = 110


def write_numpy(
    network: FeedforwardNetwork,
    path: str | PathLike[str],
    dtype: str = "float64",
    outputs: int | None = None,
) -> None:
    """Write the network as a Python module with a function `flow(x)`, from (n, d) arrays to (n, d) arrays.

    Its numbers are literals of exactly the network's values (or those rounded to `dtype`), it computes in
    `dtype`, imports nothing but NumPy, and its docstring says what it is. With `outputs` it gives the first
    so many coordinates, as (n, outputs).

    Raises ValueError for a wrong number of outputs and if a number overflows `dtype` ("float64" or
    "float32"), and OutputError if `path` cannot be written.
    """
    write_atomically(path, numpy_source(network, dtype, outputs).encode())


def numpy_source(network: FeedforwardNetwork, dtype: str = "float64", outputs: int | None = None) -> str:
    """The text that `write_numpy` writes."""
    layers = [layer for stack in stacked_layers(network, dtype, outputs) for layer in zip(*stack)]
    columns, rows = layers[0][0].shape[1], layers[-1][0].shape[0]
    docstring = "\n\n".join(
        textwrap.fill(text, _WIDTH, break_on_hyphens=False)
        for text in origin_paragraphs(network, dtype, outputs)
    )
    docstring = docstring.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    lines = [
        f'"""{docstring}\n"""',
        "",
        "import numpy as np",
        "",
        "# W, b, slope of every layer, x -> max(z, slope z) with z = W x + b. The last is affine: slope 1.",
        "LAYERS = [",
    ]
    for W, b, slope in layers:
        # One number where it is that of every neuron.
        slopes = _literal(slope[:1] if np.all(slope == slope[0]) else slope, dtype)
        lines += ["    (", "        ["]
        lines += [f"{_indent(_literal(row, dtype, always=True), 12)}," for row in W]
        lines += [
            "        ],",
            f"{_indent(_literal(b, dtype, always=True), 8)},",
            f"{_indent(slopes, 8)},",
        ]
        lines += ["    ),"]
    lines += [
        "]",
        f"ARRAYS = [[np.array(part, dtype=np.{dtype}) for part in layer] for layer in LAYERS]",
        "",
        "",
        "def flow(x):",
        f'    """Where the rows of x go: (n, {columns}) numbers to (n, {rows})."""',
        f"    y = np.asarray(x, dtype=np.{dtype})",
        "    for W, b, slope in ARRAYS:",
        "        z = y @ W.T + b",
        "        y = np.maximum(z, slope * z)",
        "    return y",
        "",
    ]
    return "\n".join(lines)


def _literal(numbers: np.ndarray, dtype: str, always: bool = False) -> str:
    """A list of the numbers; of one number, unless `always`, that number itself."""
    texts = [_decimal(float(number), dtype) for number in numbers]
    return texts[0] if len(texts) == 1 and not always else f"[{', '.join(texts)}]"


def _decimal(number: float, dtype: str) -> str:
    """The number in decimals that are read as exactly that number of `dtype`.

    Nine digits are so near to a float32 that it does not matter that Python makes them a float64 first.
    """
    return repr(number if dtype == "float64" else float(f"{number:.9g}"))


def _indent(text: str, columns: int) -> str:
    return textwrap.fill(
        text,
        _WIDTH - 1,
        initial_indent=" " * columns,
        subsequent_indent=" " * (columns + 1),
        break_long_words=False,
        break_on_hyphens=False,
    )
