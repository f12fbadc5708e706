"""The public names that the Python reference does not list by hand."""

from __future__ import annotations

import re

import vanillaflow as vf

PLACE = "<!-- names not listed above -->"


def listed(page: str) -> list[str]:
    """The public names that the page documents."""
    return re.findall(r"^::: vanillaflow\.(\w+)$", page, flags=re.MULTILINE)


def with_all_names(page: str) -> str:
    """The page with the other public names in the place for them, so that none is missing."""
    others = sorted(set(vf.__all__) - set(listed(page)) - {"__version__"})
    section = "\n\n".join(["## Others", *(f"::: vanillaflow.{name}" for name in others)])
    return page.replace(PLACE, section if others else "")
