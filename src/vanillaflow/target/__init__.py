"""Targets: what is compiled, the exact flow over a box."""

from .flow_map import Field, FlowMap

__all__ = ["Field", "FlowMap"]
