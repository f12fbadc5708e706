"""LLVM vectors inside numba kernels: states of many points held in registers through many maps.

A loop over points inside a loop over maps reads and writes each state once per map, from the cache. To keep
states in registers over all maps the loops have to be the other way round, with a fixed number of vectors
in the inner one; numba's vectorizer does not arrive at that by itself, so the few operations needed are
written here as LLVM instructions, for vectors of the machine's full width.
"""

from __future__ import annotations

from collections.abc import Sequence

import llvmlite.binding as llvm
from llvmlite import ir
from numba.core import cgutils

_INDEX = ir.IntType(64)
_LANE = ir.IntType(32)
# A multiply and an add may fuse; no other liberty, so that NaN and infinity keep their meaning.
_FUSED = ("contract",)

_FEATURES = llvm.get_host_cpu_features()
_WIDE = _FEATURES.get("avx512f", False)
BYTES = 64 if _WIDE else 32 if _FEATURES.get("avx", False) else 16
"""Of a vector register."""
REGISTERS = 32 if _WIDE or _FEATURES.get("neon", False) else 16
"""Of that width."""


class Vectors:
    """Instructions on vectors of one element type, given to the builder of an intrinsic."""

    def __init__(self, context, builder, scalar):
        self.builder = builder
        self.element = context.get_value_type(scalar)
        self.bytes = scalar.bitwidth // 8
        self.lanes = BYTES // self.bytes
        self.type = ir.VectorType(self.element, self.lanes)
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)

    def index(self, number: int) -> ir.Constant:
        return ir.Constant(_INDEX, number)

    def load(self, pointer, vectors: int = 1):
        """So many adjacent vectors as one, wherever they begin."""
        wide = ir.VectorType(self.element, vectors * self.lanes)
        value = self.builder.load(self.builder.bitcast(pointer, wide.as_pointer()))
        value.align = self.bytes
        return value

    def store(self, value, pointer) -> None:
        place = self.builder.bitcast(pointer, value.type.as_pointer())
        self.builder.store(value, place).align = self.bytes

    def splat(self, pointer):
        """The number at the pointer in all lanes."""
        one = self.builder.insert_element(
            ir.Constant(self.type, ir.Undefined), self.builder.load(pointer), ir.Constant(_LANE, 0)
        )
        return self.chosen(one, [0] * self.lanes)

    def chosen(self, value, lanes: Sequence[int]):
        """The vector of these lanes of another."""
        mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), list(lanes))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def joined(self, values: list):
        """The vectors end to end, up to the next power of two of them; what is added is undefined."""
        while len(values) > 1:
            if len(values) % 2:
                values = [*values, ir.Constant(values[0].type, ir.Undefined)]
            size = 2 * values[0].type.count
            mask = ir.Constant(ir.VectorType(_LANE, size), list(range(size)))
            pairs = zip(values[::2], values[1::2])
            values = [self.builder.shuffle_vector(left, right, mask) for left, right in pairs]
        return values[0]

    def added_product(self, total, x, y):
        return self.builder.fadd(self.builder.fmul(x, y, flags=_FUSED), total, flags=_FUSED)

    def dot(self, start, xs: Sequence, ys: Sequence, sums: int):
        """start + sum of x y, in so many partial sums, each a chain of dependent operations."""
        partial = [start]
        for i, (x, y) in enumerate(zip(xs, ys)):
            if i < sums - 1:
                partial.append(self.builder.fmul(x, y, flags=_FUSED))
            else:
                partial[i % sums] = self.added_product(partial[i % sums], x, y)
        while len(partial) > 1:
            partial = [
                self.builder.fadd(*pair, flags=_FUSED) if len(pair) == 2 else pair[0]
                for pair in (partial[i : i + 2] for i in range(0, len(partial), 2))
            ]
        return partial[0]

    def positive(self, z):
        """Where z > 0; not where it is NaN."""
        return self.builder.fcmp_ordered(">", z, self.zero)

    def relu(self, z):
        """max(z, 0), and NaN where z is: in this order it is one instruction of x86."""
        return self.builder.select(self.builder.fcmp_ordered(">", self.zero, z), self.zero, z)

    def kept(self, condition, value):
        """The value where the condition holds, else 0."""
        return self.builder.select(condition, value, self.zero)

    def variable(self, value):
        """A place in memory that the compiler turns into a register."""
        place = cgutils.alloca_once(self.builder, self.type)
        self.builder.store(value, place)
        return place
