"""The code that builds the documentation is not installed: it is found in docs/_site."""

import sys
from pathlib import Path

SITE = Path(__file__).parents[2] / "docs" / "_site"

if str(SITE) not in sys.path:
    sys.path.append(str(SITE))
