"""Refinement: planar maps fitted to the exact flow, so that far fewer of them do."""
