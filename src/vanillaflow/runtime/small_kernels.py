"""Kernels for few dimensions: a block of points goes through all maps before the next one begins.

The state of a block is a matrix on the stack: row i holds coordinate i of all its points; then come the rows
of their tangents, and a row of log-determinants if these are wanted. Planar maps act on a few vectors of each
row at a time, held in registers through all of them (`vectors`). Whatever is the size of the batch, and
wherever a point stands in it, the same operations are done for it: so the result is the same to the last bit.

Tuples of zeros tell a kernel, by their lengths, what must be known when it is compiled: `axes` the dimension,
`tangents` the coordinates of all tangents, `logs` whether log-determinants are wanted (0 or 1), `groups` how
many vectors of each row are carried together.
"""

from __future__ import annotations

import numba
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .dense_kernels import spread_nan
from .register_tables import register_table
from .tables import look_up
from .vectors import BYTES, REGISTERS, Vectors

PLANAR, AFFINE, TABLE, REGISTER_TABLE = 0, 1, 2, 3
"""The operations of a program; see `program`."""

_FUSED = {"contract"}
# Of one block: it stays in the first-level cache beside the maps.
_STATE_BYTES = 8192
# Vectors of each row carried together hide the latency of the arithmetic; more than this gain nothing.
_MOST_GROUPS = 6
# Registers left for numbers of the maps and for w.x.
_OTHER_REGISTERS = 8
# Beyond as many rows, w.x is summed in two chains, as there are too few points to hide one.
_LONG_SUM = 6


def groups_for(rows: int) -> tuple[int, ...]:
    """The `groups` for states of so many rows."""
    return (0,) * max(1, min(_MOST_GROUPS, (REGISTERS - _OTHER_REGISTERS) // rows))


def _pointer(context, builder, array_type, array):
    return context.make_array(array_type)(context, builder, array)


@intrinsic
def _state(typingctx, like, axes, tangents, logs, groups):
    """A block's state on the stack: a pointer to its numbers, and how many points it has."""
    scalar = like.dtype
    rows = axes.count + tangents.count + logs.count
    step = groups.count * BYTES // (scalar.bitwidth // 8)
    width = step * max(1, _STATE_BYTES // (BYTES * groups.count * rows))
    result = types.Tuple((types.CPointer(scalar), types.intp))

    def codegen(context, builder, signature, arguments):
        element = context.get_value_type(scalar)
        block = ir.ArrayType(element, rows * width)
        place = cgutils.alloca_once(builder, block)
        # A vector that lies across two cache lines takes twice as long.
        place.align = BYTES
        pointer = builder.bitcast(place, element.as_pointer())
        return context.make_tuple(builder, result, [pointer, ir.Constant(ir.IntType(64), width)])

    return result(like, axes, tangents, logs, groups), codegen


def _row(builder, state, row: int, width, column):
    """Where a column of a row of the state is."""
    return builder.gep(state, [builder.add(builder.mul(ir.Constant(width.type, row), width), column)])


@intrinsic
def _read(typingctx, points, first, state, row, width, column, axes, groups):
    """Rows row, row + 1, ... of the state, from `column` on, from the points from `first` on."""
    dim, many = axes.count, groups.count

    def codegen(context, builder, signature, arguments):
        x = _pointer(context, builder, signature.args[0], arguments[0])
        _, first, state, row, width, column, _, _ = arguments
        v = Vectors(context, builder, signature.args[0].dtype)
        begin = builder.mul(first, v.index(dim))
        corner = builder.gep(state, [builder.mul(row, width)])
        for g in range(many):
            values = v.load(builder.gep(x.data, [builder.add(begin, v.index(g * v.lanes * dim))]), dim)
            here = builder.add(column, v.index(g * v.lanes))
            for i in range(dim):
                coordinate = v.choose(values, [i + dim * lane for lane in range(v.lanes)])
                v.store(coordinate, _row(builder, corner, i, width, here))
        return context.get_dummy_value()

    return types.void(points, first, state, row, width, column, axes, groups), codegen


@intrinsic
def _write(typingctx, points, first, state, row, width, column, axes, groups):
    """The opposite of `_read`."""
    dim, many = axes.count, groups.count

    def codegen(context, builder, signature, arguments):
        x = _pointer(context, builder, signature.args[0], arguments[0])
        _, first, state, row, width, column, _, _ = arguments
        v = Vectors(context, builder, signature.args[0].dtype)
        begin = builder.mul(first, v.index(dim))
        corner = builder.gep(state, [builder.mul(row, width)])
        for g in range(many):
            here = builder.add(column, v.index(g * v.lanes))
            rows = v.merge([v.load(_row(builder, corner, i, width, here)) for i in range(dim)])
            values = v.choose(rows, [i * v.lanes + lane for lane in range(v.lanes) for i in range(dim)])
            v.store(values, builder.gep(x.data, [builder.add(begin, v.index(g * v.lanes * dim))]))
        return context.get_dummy_value()

    return types.void(points, first, state, row, width, column, axes, groups), codegen


@intrinsic
def _planar_maps(typingctx, maps, begin, end, state, width, column, axes, tangents, logs, groups):
    """Planar maps begin..end-1 on as many points from `column` on as `groups` holds.

    A row of `maps` is -t, w, a, log kappa.
    """
    d, many, wanted = axes.count, groups.count, logs.count
    carried = tangents.count // d
    sums = 1 if d <= _LONG_SUM else 2

    def codegen(context, builder, signature, arguments):
        numbers = _pointer(context, builder, signature.args[0], arguments[0])
        _, begin, end, state, width, column, _, _, _, _ = arguments
        v = Vectors(context, builder, signature.args[0].dtype)
        places, rows = [], []
        for g in range(many):
            here = builder.add(column, v.index(g * v.lanes))
            at = [_row(builder, state, i, width, here) for i in range(d + carried * d + wanted)]
            places.append(at)
            rows.append([v.variable(v.load(place)) for place in at])
        with cgutils.for_range_slice(builder, begin, end, v.index(1)) as (k, _):
            start = builder.gep(numbers.data, [builder.mul(k, v.index(2 * d + 2))])
            numbers_of_map = [v.splat(builder.gep(start, [v.index(i)])) for i in range(2 * d + 1 + wanted)]
            minus_t, w, a = numbers_of_map[0], numbers_of_map[1 : d + 1], numbers_of_map[d + 1 : 2 * d + 1]
            for of_group in rows:
                x = [builder.load(row) for row in of_group]
                z = v.dot(minus_t, w, x[:d], sums)
                active = v.positive(z)
                z = v.relu(z)
                for i in range(d):
                    builder.store(v.added_product(x[i], a[i], z), of_group[i])
                for first in range(d, d + carried * d, d):
                    rate = v.keep_where(active, v.dot(v.zero, w, x[first : first + d], sums))
                    for i in range(d):
                        builder.store(v.added_product(x[first + i], a[i], rate), of_group[first + i])
                if wanted:
                    log_kappa = v.keep_where(active, numbers_of_map[2 * d + 1])
                    builder.store(builder.fadd(x[-1], log_kappa), of_group[-1])
        for at, of_group in zip(places, rows):
            for place, row in zip(at, of_group):
                v.store(builder.load(row), place)
        return context.get_dummy_value()

    signature = types.void(maps, begin, end, state, width, column, axes, tangents, logs, groups)
    return signature, codegen


@intrinsic
def _affine_map(typingctx, affine, j, shifts, state, row, width, column, axes):
    """Affine map j, its row of `affine` being M row by row and m, on one vector of each row from `row` on.

    `shifts` is a tuple of one element for a point, and of none for a tangent, which has no shift.
    """
    d, shifted = axes.count, shifts.count

    def codegen(context, builder, signature, arguments):
        numbers = _pointer(context, builder, signature.args[0], arguments[0])
        _, j, _, state, row, width, column, _ = arguments
        v = Vectors(context, builder, signature.args[0].dtype)
        start = builder.gep(numbers.data, [builder.mul(j, v.index(d * d + d))])
        corner = builder.gep(state, [builder.mul(row, width)])
        places = [_row(builder, corner, i, width, column) for i in range(d)]
        x = [v.load(place) for place in places]
        for i, place in enumerate(places):
            factors = [v.splat(builder.gep(start, [v.index(d * i + r)])) for r in range(d)]
            m = v.splat(builder.gep(start, [v.index(d * d + i)])) if shifted else v.zero
            v.store(v.dot(m, factors, x, 1), place)
        return context.get_dummy_value()

    return types.void(affine, j, shifts, state, row, width, column, axes), codegen


@njit(cache=True, nogil=True, fastmath=_FUSED)
def carry(
    x,
    v,
    y,
    u,
    log_det,
    program,
    maps,
    affine,
    tables,
    small_tables,
    middle_tables,
    large_tables,
    axes,
    tangents,
    logs,
    groups,
):
    """The program on points x (n, d) and their tangents v (n, p d): the images y, their tangents u and, added
    up over active planar maps, log_det (n, 1). Without tangents v and u have no columns, and without
    log-determinants log_det has none. y may be x, and u may be v.
    """
    n, d = len(x), len(axes)
    # Numba fills in the first argument of an intrinsic.
    numbers, width = _state(x, axes, tangents, logs, groups)  # type: ignore[call-arg, var-annotated]
    state = numba.carray(numbers, (d + len(tangents) + len(logs), width))
    lanes = BYTES // x.itemsize
    step = len(groups) * lanes
    for first in range(0, n, width):
        count = min(width, n - first)
        whole = count // step * step
        for q in range(0, whole, step):
            _read(x, first + q, numbers, 0, width, q, axes, groups)
            if len(tangents):
                _read(v, first + q, numbers, d, width, q, tangents, groups)
        for q in range(whole, count):
            for i in range(d):
                state[i, q] = x[first + q, i]
            for i in range(len(tangents)):
                state[d + i, q] = v[first + q, i]
        if len(logs):
            for q in range(count):
                state[d + len(tangents), q] = 0
        for number in range(len(program)):
            kind, begin, end = program[number]
            if kind == PLANAR:
                for q in range(0, whole, step):
                    _planar_maps(maps, begin, end, numbers, width, q, axes, tangents, logs, groups)
                for q in range(whole, count, lanes):
                    _planar_maps(maps, begin, end, numbers, width, q, axes, tangents, logs, (0,))
            elif kind == AFFINE:
                for q in range(0, count, lanes):
                    _affine_map(affine, begin, (0,), numbers, 0, width, q, axes)
                    for row in range(d, d + len(tangents), d):
                        _affine_map(affine, begin, (), numbers, row, width, q, axes)
            elif kind == REGISTER_TABLE:
                # The numbers of chunks are types, so that this cannot be a loop.
                if end == 0 and small_tables is not None:
                    rows, chunks = small_tables
                    register_table(rows, begin, numbers, width, count, axes, tangents, logs, chunks)
                if end == 1 and middle_tables is not None:
                    rows, chunks = middle_tables
                    register_table(rows, begin, numbers, width, count, axes, tangents, logs, chunks)
                if end == 2 and large_tables is not None:
                    rows, chunks = large_tables
                    register_table(rows, begin, numbers, width, count, axes, tangents, logs, chunks)
            elif tables is not None:
                look_up(state, count, begin, tables, d, len(tangents), len(logs))
        if len(tangents) or len(logs):
            spread_nan(state, count, d)
        for q in range(0, whole, step):
            _write(y, first + q, numbers, 0, width, q, axes, groups)
            if len(tangents):
                _write(u, first + q, numbers, d, width, q, tangents, groups)
        for q in range(whole, count):
            for i in range(d):
                y[first + q, i] = state[i, q]
            for i in range(len(tangents)):
                u[first + q, i] = state[d + i, q]
        if len(logs):
            for q in range(count):
                log_det[first + q, 0] = state[d + len(tangents), q]
