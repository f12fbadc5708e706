"""The split construction: exact flows of ridge pieces in turn, each made piecewise linear."""
