"""Attacks run for long as scripts of benchmarks/; the tests run some of each."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
