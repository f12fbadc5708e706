"""Families: consecutive planar maps whose numbers vary smoothly, fitted by the few that describe them."""
