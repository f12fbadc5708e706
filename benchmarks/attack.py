"""Everything that could be wrong in silence, attacked for a while: files, forgeries, proofs, time, objects.

    python benchmarks/attack.py [MINUTES]

Each attack has its share of the time and a seed of its own, and counts what it tried and what came out wrong.
Writes results/attack.md.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from time import perf_counter

import attack_files
import attack_forgeries
import attack_objects
import attack_rigorous
import attack_seconds
import attack_signals
import attack_time
from results_file import table, write

Rows = list[tuple[str, int, int]]

# What is attacked, by which module, with which share of the time.
ATTACKS: tuple[tuple[str, Callable[[float, int], Rows], float], ...] = (
    ("Damaged files: read wrong, or refused otherwise than in words", attack_files.run, 0.12),
    ("Forged certificates: accepted, or honest ones refused", attack_forgeries.run, 0.12),
    ("Proofs: a bound below the error of the file, or of what lies", attack_rigorous.run, 0.1),
    ("Pushes in time: stepped over", attack_time.run, 0.05),
    ("Killed proofs: not resumed to the bit, or files left", attack_signals.run, 0.06),
    ("Hostile objects and command lines: not refused in one sentence", attack_objects.run, 0.05),
    ("Limits of five seconds: overrun by more than a tenth and two seconds", attack_seconds.run, 0.5),
)
SEED = 1


def main(minutes: float) -> None:
    sections = []
    for title, run, share in ATTACKS:
        begun = perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = run(60 * minutes * share, SEED)
        lines = [[what, f"{tried:,}", str(bad)] for what, tried, bad in rows]
        sections.append(f"## {title}\n\n{table(['what', 'tried', 'wrong'], lines)}")
        print(f"{sections[-1]}\n\n{perf_counter() - begun:.0f} s\n", flush=True)
    text = "# Attacks\n\nWhat was tried, and how often the outcome was wrong.\n\n" + "\n\n".join(sections)
    print(write("attack.md", text))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0)
