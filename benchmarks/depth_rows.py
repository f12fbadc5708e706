"""The rows of `depth`: what was measured in each cell, kept as JSON lines so that a run can be resumed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One method on one system at one tolerance.

    `tolerance` names the column; `absolute` is the sup error that was asked for. `error` was measured at
    points that no method has seen. For compiled networks `condition` is the largest of a layer, and
    `rounding` the largest difference that single precision makes. Where `estimated`, the network is too large
    to build: `kinks`, `depth` and `parameters` are extrapolated and there is no `error`. What does not apply
    is None. A row is reused only for the same `settings`.
    """

    system: str
    dim: int
    tolerance: float
    absolute: float
    method: str
    seconds: float
    settings: dict[str, Any]
    measured_on: str
    reached: bool = False
    estimated: bool = False
    error: float | None = None
    kinks: int | None = None
    depth: int | None = None
    width: int | None = None
    parameters: int | None = None
    condition: float | None = None
    rounding: float | None = None
    remark: str = ""
    path: list[list[Any]] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, float, str]:
        """Of rows with the same key the last one counts."""
        return self.system, self.tolerance, self.method

    def __str__(self) -> str:
        about = "~" if self.estimated else ""
        parts = [f"{self.system} {self.tolerance:g} {self.method}:"]
        parts += [f"{about}{self.kinks:,} kinks"] if self.kinks is not None else []
        parts += [f"depth {about}{self.depth:,}"] if self.depth is not None else []
        parts += [f"{about}{self.parameters:,} parameters"] if self.parameters is not None else []
        parts += [f"error {self.error:.3g}"] if self.error is not None else []
        parts += [f"condition {self.condition:.3g}"] if self.condition is not None else []
        parts += [f"rounding {self.rounding:.1e}"] if self.rounding is not None else []
        parts += [f"{self.seconds:.1f} s", self.remark]
        return "  ".join(part for part in parts if part)


class Rows:
    """The rows in the file `path`, which grows by a line at every `add`."""

    def __init__(self, path: Path):
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._rows = {row.key: row for row in (Row(**json.loads(line)) for line in lines)}

    def add(self, row: Row) -> None:
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row), allow_nan=False) + "\n")
        self._rows[row.key] = row

    def get(self, system: str, tolerance: float, method: str) -> Row | None:
        return self._rows.get((system, tolerance, method))

    def systems(self, order: Iterable[str]) -> list[str]:
        """The systems that have rows, in the given order."""
        found = {row.system for row in self._rows.values()}
        return [name for name in order if name in found]

    def tolerances(self) -> list[float]:
        """The tolerances that have rows, loosest first."""
        return sorted({row.tolerance for row in self._rows.values()}, reverse=True)

    def of_system(self, name: str) -> list[Row]:
        """Loosest tolerance first; the methods of one tolerance in the order in which they were measured."""
        rows = [row for row in self._rows.values() if row.system == name]
        return sorted(rows, key=lambda row: -row.tolerance)

    def environments(self) -> list[str]:
        """Where the rows were measured: one line, unless the run was continued elsewhere."""
        return sorted({row.measured_on for row in self._rows.values()})
