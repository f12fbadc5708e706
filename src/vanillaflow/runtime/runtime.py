"""Runtime: the maps of a PlanarFlow laid out for the machine, in one floating-point type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from numba import typeof

from . import dense_kernels, small_kernels
from .parallel import parallel_runs
from .register_tables import CLASSES, pack_registers, size_class, worth_registers
from .small_kernels import AFFINE, PLANAR, REGISTER_TABLE, TABLE, groups_for
from .sparse import SparseMaps, sparse_maps
from .tables import Table, pack_tables, table_of
from .threads import parts_of, side_by_side, thread_count

# Rows of a state, tangents and all, that registers can hold.
_MOST_ROWS = 24
# Longer runs of parallel planar maps are cut: a table for all of them would take too long to make, and the
# cost of a point falls by that factor anyway.
_LONGEST = 256
# From as many parallel planar maps on a table is faster; measured where they are equally fast, about.
_LEAST_FOR_TABLE = 48
# Of shorter runs no table is made.
_LEAST_FOR_REGISTERS = 4
# A table in memory costs about as much as so many planar maps; one in registers as one, and two for each
# chunk of entries.
_MAPS_PER_TABLE = 8
_PARTS_PER_THREAD = 3
# Multiply-adds below which points are not worth a second thread: it takes some 50 us to wake.
_LEAST_WORK = 2**23


@dataclass(frozen=True, eq=False)
class Runtime:
    """Carries points through planar and affine maps, by one of three kernels.

    These are `small_kernels` up to 24 rows of state, with tables for long runs of parallel maps; `sparse`
    where most numbers are zero; else `dense_kernels`.

    Attributes
    ----------
    maps
        The arrays a, w, t, stops, M and m as in PlanarFlow, in the type of the computation.
    log_kappa
        The logarithm of every planar map's determinant on its active side.
    small
        The program, maps, affine maps and tables as `small_kernels.carry` takes them, if they fit.
    sparse
        The maps without their zeros, if there are many.
    work
        The number of multiply-adds to a point.
    """

    maps: tuple[np.ndarray, ...]
    log_kappa: np.ndarray
    small: tuple[Any, ...] | None
    sparse: SparseMaps | None
    work: int

    @classmethod
    def of(cls, maps: tuple[np.ndarray, ...], dtype: Any = np.float64, tables: bool = True) -> Runtime:
        """The runtime of these maps. Without `tables` each planar map is evaluated by itself."""
        a, w, t, stops, M, m = maps
        log_kappa = np.log1p(np.einsum("ld,ld->l", w, a))
        d = a.shape[1]
        cast = (
            *(part.astype(dtype, copy=False) for part in (a, w, t)),
            stops,
            M.astype(dtype),
            m.astype(dtype),
        )
        small = _small(maps, log_kappa, np.dtype(dtype), tables) if d <= _MOST_ROWS else None
        sparse = None if small else sparse_maps(*cast)
        work = _work(small, d) if small else 2 * a.size + M.size
        return cls(cast, log_kappa.astype(dtype), small, sparse, max(1, work))

    @property
    def dim(self) -> int:
        return self.maps[0].shape[1]

    def forward(self, x: Float[np.ndarray, "n d"], out: np.ndarray | None = None) -> np.ndarray:
        """The images of the points, written to `out` if it is given.

        As everywhere here, arrays are contiguous and of the runtime's type: kernels do not ask again. Where
        `out` begins elsewhere in the memory of x, images would be written over points not yet read, and x
        is copied first; where it begins with x, each block of points is read before its images are written.
        """
        if out is None:
            y = np.empty_like(x)
        else:
            y = out
            # Contiguous arrays share memory exactly where their bounds overlap.
            if out is not x and np.may_share_memory(x, out) and x.ctypes.data != out.ctypes.data:
                x = x.copy()
        if self.sparse:
            y[:] = self.sparse.forward(x)
        else:
            none = self._none
            self._carry((0, 0), x, none, y, none, none)
        return y

    def log_abs_det(self, x: Float[np.ndarray, "n d"]) -> np.ndarray:
        """The sum of log kappa over the planar maps that are active at each point."""
        log_det = np.empty((len(x), 1), x.dtype)
        self._carry((0, 1), x, self._none, np.empty_like(x), self._none, log_det)
        return log_det[:, 0]

    def jvp(self, x: Float[np.ndarray, "n d"], v: Float[np.ndarray, "n pd"]) -> tuple[np.ndarray, np.ndarray]:
        """The images, and those of p tangents of each point under the derivative there."""
        y, u = np.empty_like(x), np.empty_like(v)
        self._carry((v.shape[1], 0), x, v, y, u, self._none)
        return y, u

    @cached_property
    def _none(self) -> np.ndarray:
        """In the place of tangents or log-determinants that are not wanted."""
        return np.empty((0, 0), self.log_kappa.dtype)

    def _carry(self, extra: tuple[int, int], *points: np.ndarray) -> None:
        """x, v, y, u and log_det through the kernel for so many coordinates of tangents and
        log-determinants."""
        kernel, maps, least = self._preparations.get(extra) or self._prepare(extra)
        count = len(points[0])
        # The result of a point does not depend on the parts, so their number may depend on the threads: a
        # few for each, as one may be late.
        threads = thread_count() if count > least else 1
        parts = parts_of(count, -(-count // (_PARTS_PER_THREAD * threads))) if threads > 1 else []
        if len(parts) < 2:
            kernel(*points, *maps)
        else:
            side_by_side([partial(kernel, *(array[part] for array in points), *maps) for part in parts])

    @cached_property
    def _preparations(self) -> dict[tuple[int, int], tuple[Any, tuple[Any, ...], int]]:
        """For each `extra`: the kernel, its arguments after the points, and how many points are worth a
        thread."""
        return {}

    def _prepare(self, extra: tuple[int, int]) -> tuple[Any, tuple[Any, ...], int]:
        tangents, logs = extra
        rows = self.dim + tangents + logs
        kernel: Any = dense_kernels.carry
        maps: tuple[Any, ...] = *self.maps, self.log_kappa
        if self.small and rows <= _MOST_ROWS:
            kinds = ((0,) * count for count in (self.dim, tangents, logs))
            kernel, maps = small_kernels.carry, (*self.small, *kinds, groups_for(rows))
        # Called as compiled, not through the dispatcher, which looks at the types of all arguments for
        # longer than it takes to carry one point.
        compiled = kernel.compile((typeof(self._none),) * 5 + tuple(map(typeof, maps)))
        self._preparations[extra] = compiled, maps, _LEAST_WORK // (self.work * rows // self.dim)
        return self._preparations[extra]


def _small(
    maps: tuple[np.ndarray, ...], log_kappa: np.ndarray, dtype: np.dtype, tables: bool
) -> tuple[Any, ...]:
    """What `small_kernels.carry` takes of the maps."""
    a, w, t, stops, M, m = maps
    d = a.shape[1]
    whole = parallel_runs(w, stops) if tables else []
    runs = [(i, min(i + _LONGEST, end)) for begin, end in whole for i in range(begin, end, _LONGEST)]
    found = [
        (first, last, table_of(a[first:last], w[first:last], t[first:last]))
        for first, last in runs
        if last - first >= _LEAST_FOR_REGISTERS
    ]
    program: list[tuple[int, int, int]] = []
    in_memory: list[Table] = []
    in_registers: list[list[Table]] = [[] for _ in range(CLASSES)]
    borders = [0, *stops.tolist(), len(t)]
    for j, (begin, end) in enumerate(pairwise(borders)):
        if j:
            program.append((AFFINE, j - 1, j))
        for first, last, table in [run for run in found if begin <= run[0] and run[1] <= end]:
            if worth_registers(table, dtype):
                size = size_class(table, dtype)
                operation = REGISTER_TABLE, len(in_registers[size]), size
                in_registers[size].append(table)
            elif last - first >= _LEAST_FOR_TABLE:
                operation = TABLE, len(in_memory), len(in_memory) + 1
                in_memory.append(table)
            else:
                continue
            program += [(PLANAR, begin, first)] * (begin < first) + [operation]
            begin = last
        program += [(PLANAR, begin, end)] * (begin < end)
    return (
        np.array(program, dtype=np.int64).reshape(-1, 3),
        np.ascontiguousarray(np.column_stack([-t, w, a, log_kappa]), dtype=dtype),
        np.ascontiguousarray(np.concatenate([M.reshape(-1, d * d), m], axis=1), dtype=dtype),
        pack_tables(in_memory, dtype),
        *(pack_registers(tables, dtype) for tables in in_registers),
    )


def _work(small: tuple[Any, ...], d: int) -> int:
    """Multiply-adds to a point, about."""
    program, _, _, _, *in_registers = small
    maps = 0
    for kind, begin, end in program.tolist():
        if kind == PLANAR:
            maps += end - begin
        elif kind == TABLE:
            maps += _MAPS_PER_TABLE
        elif kind == REGISTER_TABLE:
            _, chunks = in_registers[end]
            maps += 1 + 2 * len(chunks)
    return 2 * d * maps + d * d * int((program[:, 0] == AFFINE).sum())
