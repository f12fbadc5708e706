"""Flows, networks and certificates as people read them: in text, in notebooks, as small pictures."""
