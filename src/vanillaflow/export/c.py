"""C source: one file of C99 with one function, which needs no library and allocates nothing."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ..files import write_atomically
from ..network.feedforward import FeedforwardNetwork
from .c_names import function_name_for, is_function_name
from .origin import origin_paragraphs
from .stacks import Stack, stacked_layers

if TYPE_CHECKING:
    from os import PathLike

_WIDTH = 110
# The type, the suffix of its literals, how to read and how to print it so that nothing is lost.
_TYPES = {"float64": ("double", "", "%lf", "%.17g"), "float32": ("float", "f", "%f", "%.9g")}
_TABLES = """\
/* Layer by layer, a row { bias, weights, slope } for each neuron, which gives max(z, slope z) with
   z = bias + weights . input. The last layer of all is affine: slope 1. */"""


def write_c(
    network: FeedforwardNetwork,
    path: str | PathLike[str],
    dtype: str = "float64",
    outputs: int | None = None,
    name: str | None = None,
) -> None:
    """Write the network as C99: `void NAME(const T *x, T *y)`, T being double or float by `dtype`.

    x holds d numbers, y as many, or `outputs`; y may be x. Layer by layer, neuron i becomes
    max(z, slope z) with z = b_i + W_i1 x_1 + ... + W_id x_d, added in this order, so that any processor with
    IEEE arithmetic gives the same bits, if its compiler does not contract a product and a sum into one
    operation (-ffp-contract=off). The numbers are hexadecimal literals, which every compiler must read
    exactly (C99 6.4.4.2), as it need not decimal ones.

    Compiled with -DVANILLAFLOW_MAIN, the file is a program that reads points and prints their images. NAME is
    `name`, or made from that of the file (`function_name_for`).

    Raises ValueError for a `name` that C does not allow, for a wrong number of outputs, and if a number
    overflows `dtype`; OutputError if `path` cannot be written.
    """
    if name is None:
        name = function_name_for(path)
    elif not is_function_name(name):
        raise ValueError(
            f"name must be an identifier of C that is neither a keyword nor reserved, got {name!r}"
        )
    write_atomically(path, c_source(network, name, dtype, outputs).encode())


def c_source(
    network: FeedforwardNetwork, name: str, dtype: str = "float64", outputs: int | None = None
) -> str:
    """The text that `write_c` writes."""
    stacks = stacked_layers(network, dtype, outputs)
    labels = [f"{name}_layers{k}" if len(stacks) > 1 else f"{name}_layers" for k in range(1, len(stacks) + 1)]
    parts = [
        _comment(network, name, dtype, outputs, stacks),
        _TABLES,
        *(_table(label, stack, dtype) for label, stack in zip(labels, stacks)),
        _function(name, labels, stacks, dtype),
        _main(name, stacks, dtype),
    ]
    return "\n".join(parts)


def _comment(
    network: FeedforwardNetwork, name: str, dtype: str, outputs: int | None, stacks: list[Stack]
) -> str:
    kind = _TYPES[dtype][0]
    columns, rows = _ends(stacks)
    paragraphs = [
        *origin_paragraphs(network, dtype, outputs),
        f"    void {name}(const {kind} *x, {kind} *y);",
        f"reads the {_numbers(columns)} of x and writes the {_numbers(rows)} of y, which may be the same "
        "array. It calls nothing and has no state.",
        "Floating-point literals are hexadecimal, hence exact. Sums are taken from left to right: with IEEE "
        "arithmetic and -ffp-contract=off the result is the same to the last bit everywhere.",
        "With -DVANILLAFLOW_MAIN this file is a program that reads points from standard input, "
        f"{_numbers(columns)} each, and prints the image of each on a line.",
    ]
    lines: list[str] = []
    for text in paragraphs:
        # Nothing in a name may end the comment, open another, or be a trigraph.
        text = text.replace("*/", "* /").replace("/*", "/ *")
        text = re.sub(r"\?(?=\?)", "? ", text)
        indent = " " * (len(text) - len(text.lstrip()))
        lines += ["", *textwrap.wrap(text.strip(), _WIDTH - 3, initial_indent=indent, break_on_hyphens=False)]
    return "/* " + "\n".join(f"   {line}".rstrip() for line in lines[1:]).lstrip() + "\n*/\n"


def _table(label: str, stack: Stack, dtype: str) -> str:
    kind, suffix, _, _ = _TYPES[dtype]
    rows = np.concatenate([stack.b[..., None], stack.W, stack.slope[..., None]], axis=2)
    layers, neurons, numbers = rows.shape
    lines = [f"static const {kind} {label}[{layers}][{neurons}][{numbers}] = {{"]
    for layer in rows:
        lines.append("    {")
        for row in layer:
            text = "{ " + ", ".join(_literal(float(number), suffix) for number in row) + " },"
            lines += textwrap.wrap(
                text, _WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 12, break_on_hyphens=False
            )
        lines.append("    },")
    return "\n".join([*lines, "};\n"])


def _literal(number: float, suffix: str) -> str:
    """The number exactly and without zeros that say nothing: 1.0, -0x1.8p-3f."""
    if number in (0.0, 1.0, -1.0):
        return f"{number}{suffix}"
    mantissa, exponent = number.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}{suffix}"


def _function(name: str, labels: list[str], stacks: list[Stack], dtype: str) -> str:
    kind = _TYPES[dtype][0]
    columns, rows = _ends(stacks)
    widest = max(max(stack.W.shape[1:]) for stack in stacks)
    lines = [
        f"void {name}(const {kind} *x, {kind} *y);",
        "",
        f"void {name}(const {kind} *x, {kind} *y)",
        "{",
        f"    {kind} u[{widest}], v[{widest}], z;",
        "    int layer, i, j;",
        "",
        f"    for (i = 0; i < {columns}; i++)",
        "        u[i] = x[i];",
    ]
    for label, stack in zip(labels, stacks):
        layers, neurons, inputs = stack.W.shape
        row = f"{label}[layer][i]"
        lines += [
            f"    for (layer = 0; layer < {layers}; layer++) {{",
            f"        for (i = 0; i < {neurons}; i++) {{",
            f"            z = {row}[0];",
            f"            for (j = 0; j < {inputs}; j++)",
            f"                z += {row}[1 + j] * u[j];",
            f"            v[i] = z > 0 ? z : {row}[{inputs + 1}] * z;",
            "        }",
            f"        for (i = 0; i < {neurons}; i++)",
            "            u[i] = v[i];",
            "    }",
        ]
    return "\n".join([*lines, f"    for (i = 0; i < {rows}; i++)", "        y[i] = u[i];", "}", ""])


def _main(name: str, stacks: list[Stack], dtype: str) -> str:
    kind, _, read, show = _TYPES[dtype]
    columns, rows = _ends(stacks)
    shown = "(double)y[i]" if kind == "float" else "y[i]"
    return f"""\
#ifdef VANILLAFLOW_MAIN
#include <stdio.h>

int main(void)
{{
    {kind} x[{columns}], y[{rows}];
    int i, given = 0;

    while (scanf("{read}", &x[given]) == 1) {{
        given++;
        if (given < {columns})
            continue;
        given = 0;
        {name}(x, y);
        for (i = 0; i < {rows}; i++)
            printf("%s{show}", i == 0 ? "" : " ", {shown});
        printf("\\n");
    }}
    if (!feof(stdin) || given != 0) {{
        fprintf(stderr, "{name}: expected points of {_numbers(columns)}\\n");
        return 1;
    }}
    return 0;
}}
#endif
"""


def _ends(stacks: list[Stack]) -> tuple[int, int]:
    """How many numbers go in, and how many come out."""
    return stacks[0].W.shape[2], stacks[-1].W.shape[1]


def _numbers(count: int) -> str:
    return f"{count} number" + "s" * (count != 1)
