"""Least squares: planar maps fitted to samples of a flow by Levenberg-Marquardt."""
