"""Targets: what is compiled, the exact flow over a box."""

from .base import Target
from .flow_map import Field, FlowMap

__all__ = ["Field", "FlowMap", "Target"]
