"""The rungs end, whatever the fits give, and never repeat."""

from hypothesis import given
from hypothesis import strategies as st

from vanillaflow.constructions.refine.kink_counts import next_rung


@given(st.lists(st.floats(1e-4, 1e4), min_size=60, max_size=60), st.integers(1, 500), st.integers(1, 60))
def test_rungs_end_and_never_repeat(values, most, first):
    excess, kinks = {}, min(first, most)
    for value in values:
        excess[kinks] = value
        kinks = next_rung(excess, most)
        if kinks is None:
            return
        assert kinks not in excess and 1 <= kinks <= most
    raise AssertionError("no end")
