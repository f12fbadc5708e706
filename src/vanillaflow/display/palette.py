"""The colors of all figures. They are told apart by colour-blind readers, and most of them in grey.

Single colors are those of M. Okabe and K. Ito, Color Universal Design (2008); scales are viridis, whose
lightness grows evenly (S. van der Walt and N. Smith, SciPy 2015).
"""

BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
SKY = "#56B4E9"
ORANGE = "#E69F00"
BLACK = "#000000"

SERIES = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
"""For lines of different things, which have different MARKERS, too."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# Where lines along the first and the second coordinate go.
FIRST, SECOND = BLUE, VERMILION
BEFORE = "0.75"

SCALE = "viridis"
# The part of the scale that is dark enough for lines on white.
DARK = 0.87
