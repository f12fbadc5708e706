import jaxtyping
import pytest


@pytest.fixture
def unchecked():
    """Wrong types get past the annotations, as they do outside tests, and meet the code's own checks."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
