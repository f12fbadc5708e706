"""Fields: sums of ridges, layers, equations, functions and models as right-hand sides of an ODE."""
