"""Tables held in vector registers: a run of parallel planar maps at the price of a few.

Let the kinks of a run (`tables`) lie on a grid. In units of the grid, the first kink at 1, position
p = s.x + shift lies in bucket i = floor p, or in the first or last beyond them, and the run moves x to
x + value_i + (p - i) rise_i. x86 processors take the entries for a whole vector of numbers i from registers
in one instruction, where a table in memory is read one point at a time: a run of 30 maps in four dimensions
costs as much as three of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .tables import Table
from .vectors import Vectors, register_entries

# Kinks are on a grid but for rounding, in units of the least distance of two.
_ON_GRID = 1e-6
# The grid may be so many times as fine as that distance.
_FINER_GRIDS = (1, 2, 3)
_MOST_CHUNKS, _MOST_BUCKETS = 16, 1024
CLASSES = 3
"""Of sizes, each with a loop of its own in the kernel."""


def worth_registers(table: Table, dtype: np.dtype) -> bool:
    """Whether registers can hold the table, with less work than planar maps one by one."""
    buckets = _buckets(table)
    if buckets is None or not register_entries(dtype):
        return False
    chunks, d = _chunks(buckets.size, dtype), table.w.size
    return chunks <= _MOST_CHUNKS and 2 * d * (2 * chunks - 1) + 3 * d + 4 < (table.knots.size - 1) * (
        2 * d + 1
    )


def _buckets(table: Table) -> Int[np.ndarray, " buckets"] | None:
    """The piece that lies in each bucket; None if the kinks are on no grid that is coarse enough."""
    kinks = table.knots[1:]
    for finer in _FINER_GRIDS if kinks.size > 1 else ():
        places = finer * (kinks - kinks[0]) / np.diff(kinks).min()
        if places[-1] > _MOST_BUCKETS:
            break
        whole = np.round(places)
        if np.all(np.abs(places - whole) <= _ON_GRID * finer * np.maximum(1, whole / kinks.size)):
            return np.searchsorted(whole, np.arange(-1, whole[-1] + 1), side="right")
    return None


def _chunks(buckets: int, dtype: np.dtype) -> int:
    """How many times what one instruction can choose from, a power of two."""
    chunks = 1
    while chunks * register_entries(dtype) < buckets:
        chunks *= 2
    return chunks


def size_class(table: Table, dtype: np.dtype) -> int:
    """0 for one chunk of entries, 1 for two, 2 for more: tables of a class are filled up to its largest."""
    buckets = _buckets(table)
    assert buckets is not None
    return min(_chunks(buckets.size, dtype) - 1, CLASSES - 1)


def pack_registers(tables: Sequence[Table], dtype: np.dtype) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """A row of numbers for each table of a class, as `register_table` reads them, and as many zeros as there
    are chunks of entries; None for no tables, and kernels are compiled without them.

    A row is s, shift, the last bucket, and the entries of the d values, of the d rises and of log kappa.
    """
    if not tables:
        return None
    pieces = [_buckets(table) for table in tables]
    chunks = max(_chunks(piece.size, dtype) for piece in pieces if piece is not None)
    rows = []
    for table, piece in zip(tables, pieces):
        assert piece is not None
        first, last = table.knots[1], table.knots[-1]
        unit = (last - first) / (piece.size - 2)
        left = first + unit * (np.arange(piece.size) - 1)
        values = table.values[piece] + (left - table.knots[piece])[:, None] * table.slopes[piece]
        entries = np.zeros((2 * table.w.size + 1, chunks * register_entries(dtype)))
        entries[:, : piece.size] = np.vstack([values.T, unit * table.slopes[piece].T, table.log_kappa[piece]])
        head = [*(table.w / unit), 1 - first / unit, piece.size - 1]
        rows.append(np.concatenate([head, entries.ravel()]))
    return np.array(rows, dtype=dtype), (0,) * chunks


@intrinsic
def register_table(typingctx, tables, number, state, width, count, axes, tangents, logs, chunks):
    """Table `number` on the first `count` points of a block; rows of the state as in `small_kernels`."""
    d, wanted, parts = axes.count, logs.count, chunks.count
    carried = tangents.count // d

    def codegen(context, builder, signature, arguments):
        numbers = context.make_array(signature.args[0])(context, builder, arguments[0])
        _, number, state, width, count, _, _, _, _ = arguments
        v = Vectors(context, builder, signature.args[0].dtype)
        entries = parts * v.table_entries
        stride = d + 2 + (2 * d + 1) * entries
        start = builder.gep(numbers.data, [builder.mul(number, v.index(stride))])
        head = [v.splat(builder.gep(start, [v.index(i)])) for i in range(d + 2)]
        s, shift, last = head[:d], head[d], head[d + 1]
        tables = [
            v.table(builder.gep(start, [v.index(d + 2 + row * entries)]), parts)
            for row in range(2 * d + wanted)
        ]
        with cgutils.for_range_slice(builder, v.index(0), count, v.index(v.lanes)) as (q, _):
            at = [
                builder.gep(state, [builder.add(builder.mul(v.index(row), width), q)])
                for row in range(d + carried * d + wanted)
            ]
            x = [v.load(place) for place in at[:d]]
            position = v.dot(shift, s, x, 1)
            # NaN goes into the first piece, and from there into the result.
            piece = v.whole(v.least(v.keep_where(v.positive(position), position), last))
            beyond = builder.fsub(position, v.real(piece))
            rises = [v.look_up(table, piece) for table in tables[d : 2 * d]]
            for i in range(d):
                moved = builder.fadd(x[i], v.look_up(tables[i], piece))
                v.store(v.added_product(moved, rises[i], beyond), at[i])
            for first in range(d, d + carried * d, d):
                tangent = [v.load(place) for place in at[first : first + d]]
                rate = v.dot(v.zero, s, tangent, 1)
                for i in range(d):
                    v.store(v.added_product(tangent[i], rises[i], rate), at[first + i])
            if wanted:
                v.store(builder.fadd(v.load(at[-1]), v.look_up(tables[-1], piece)), at[-1])
        return context.get_dummy_value()

    signature = types.void(tables, number, state, width, count, axes, tangents, logs, chunks)
    return signature, codegen
