"""LLVM vectors inside numba kernels: states of many points held in registers through many maps.

A loop over points inside a loop over maps reads and writes each state once per map, from the cache. To keep
states in registers over all maps the loops have to be the other way round, with a fixed number of vectors
in the inner one; numba's vectorizer does not arrive at that by itself, so the few operations needed are
written here as LLVM instructions, for vectors of the machine's full width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from llvmlite import ir
from numba.core import cgutils, config
from numba.core.codegen import get_host_cpu_features

_INDEX = ir.IntType(64)
_LANE = ir.IntType(32)
# A multiply and an add may fuse; no other liberty, so that NaN and infinity keep their meaning.
_FUSED = ("contract",)

# What numba compiles for: the machine at hand, unless its settings say less.
_FEATURES = (getattr(config, "CPU_FEATURES", None) or get_host_cpu_features()).split(",")
_WIDE = "+avx512f" in _FEATURES
BYTES = 64 if _WIDE else 32 if "+avx" in _FEATURES else 16
"""Of a vector register."""
REGISTERS = 32 if _WIDE or "+neon" in _FEATURES else 16
"""Of that width."""


def register_entries(dtype: np.dtype) -> int:
    """How many numbers one instruction can choose from; 0 if there is none for this type."""
    if _WIDE:
        return 2 * BYTES // dtype.itemsize
    return 8 if "+avx2" in _FEATURES and dtype == np.float32 else 0


class Vectors:
    """Instructions on vectors of one element type, given to the builder of an intrinsic."""

    def __init__(self, context, builder, scalar):
        self.builder = builder
        self.element = context.get_value_type(scalar)
        self.bytes = scalar.bitwidth // 8
        self.lanes = BYTES // self.bytes
        self.type = ir.VectorType(self.element, self.lanes)
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)
        self.table_entries = register_entries(np.dtype(f"f{self.bytes}"))

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
        return self.choose(one, [0] * self.lanes)

    def choose(self, value, lanes: Sequence[int]):
        """The vector of these lanes of another."""
        mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), list(lanes))
        return self.builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined), mask)

    def merge(self, values: list):
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

    def keep_where(self, condition, value):
        """The value where the condition holds, else 0."""
        return self.builder.select(condition, value, self.zero)

    def least(self, x, y):
        """min(x, y)."""
        return self.builder.select(self.builder.fcmp_ordered("<", x, y), x, y)

    def whole(self, x):
        """x >= 0 without its fraction, as integers of 32 bits."""
        return self.builder.fptosi(x, ir.VectorType(_LANE, self.lanes))

    def real(self, whole):
        """Integers as numbers of the element type."""
        return self.builder.sitofp(whole, self.type)

    def table(self, pointer, chunks: int) -> list:
        """The numbers from the pointer on, as many vectors as hold `chunks` times `table_entries`."""
        vectors = chunks * self.table_entries // self.lanes
        return [self.load(self.builder.gep(pointer, [self.index(i * self.lanes)])) for i in range(vectors)]

    def look_up(self, table: list, numbers):
        """The entries of the table that have these numbers, 32-bit integers within it.

        Each chunk is asked with the last bits of the numbers; the bits before them say which chunk was meant.
        """
        per_chunk = self.table_entries // self.lanes
        chunks = [table[i : i + per_chunk] for i in range(0, len(table), per_chunk)]
        found = [self._permute(chunk, numbers) for chunk in chunks]
        bit = self.table_entries
        while len(found) > 1:
            mask = ir.Constant(numbers.type, [bit] * self.lanes)
            zero = ir.Constant(numbers.type, [0] * self.lanes)
            odd = self.builder.icmp_unsigned("!=", self.builder.and_(numbers, mask), zero)
            found = [self.builder.select(odd, high, low) for low, high in zip(found[::2], found[1::2])]
            bit *= 2
        return found[0]

    def _permute(self, chunk: list, numbers):
        """The entries of one or two vectors that have these numbers, as far as their last bits go."""
        if len(chunk) == 1:
            name, arguments = "llvm.x86.avx2.permps", [chunk[0], numbers]
        else:
            kind = "ps" if self.bytes == 4 else "pd"
            wide = ir.VectorType(ir.IntType(8 * self.bytes), self.lanes)
            numbers = numbers if self.bytes == 4 else self.builder.sext(numbers, wide)
            name, arguments = f"llvm.x86.avx512.vpermi2var.{kind}.512", [chunk[0], numbers, chunk[1]]
        kind = ir.FunctionType(self.type, [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)

    def variable(self, value):
        """A place in memory that the compiler turns into a register."""
        place = cgutils.alloca_once(self.builder, self.type)
        self.builder.store(value, place)
        return place
