"""Formulas become MathML when the site is built: browsers draw it themselves, without any script.

Arithmatex, in its generic form, leaves TeX between \\( and \\), or \\[ and \\]; this is what is replaced.
"""

from __future__ import annotations

import re
from html import unescape

from latex2mathml.converter import convert

# What arithmatex makes of $ and $$.
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', flags=re.DOTALL)
_DISPLAY = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', flags=re.DOTALL)


def with_mathml(html: str) -> str:
    """The page with its formulas as MathML."""
    html = _DISPLAY.sub(lambda found: convert(unescape(found[1]).strip(), display="block"), html)
    return _INLINE.sub(lambda found: convert(unescape(found[1]).strip()), html)
