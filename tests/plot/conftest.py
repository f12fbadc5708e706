"""Figures are drawn without a screen, and closed."""

import matplotlib
import pytest


@pytest.fixture(autouse=True)
def closed_figures():
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


@pytest.fixture
def two_axes():
    """Axes to draw on, and others on which nothing must be drawn; checked at the end."""
    import matplotlib.pyplot as plt

    _, (mine, other) = plt.subplots(1, 2)
    figures = plt.get_fignums()
    yield mine
    assert not other.has_data() and not other.get_xlabel() and other.get_aspect() == "auto"
    assert plt.get_fignums() == figures
