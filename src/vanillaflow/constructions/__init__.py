"""Constructions: the ways to make a planar flow for a target and a tolerance."""
