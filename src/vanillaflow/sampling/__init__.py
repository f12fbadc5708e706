"""Sampling: points of a box, the flow's images of them, and the search for the worst point."""
