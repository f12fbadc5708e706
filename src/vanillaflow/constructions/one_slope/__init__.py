"""The one-slope class: flows whose network has one slope in all of its layers."""
