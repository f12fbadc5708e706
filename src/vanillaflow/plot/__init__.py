"""Figures for papers, with matplotlib: `pip install "vanillaflow[plot]"`.

    ax = vf.plot.grid_image(flow)
    ax.figure.savefig("flow.pdf")

Every function draws into `ax=`, by default into a new figure, and returns the Axes. In more than two
dimensions it shows a slice: the coordinates `dims` vary, the others are those of the point `at`, by default
the center of the box. Further keywords are matplotlib's, for what the function draws.
"""

# The modules are not called as the functions are: importing one would rebind the name to the module.
from .depth_curves import depth_curve
from .error_maps import error_map
from .grid_images import grid_image
from .kink_curves import kink_lines
from .layer_grids import layers
from .reachable_sets import reachable_set

__all__ = ["depth_curve", "error_map", "grid_image", "kink_lines", "layers", "reachable_set"]
