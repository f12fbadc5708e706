"""Few ridge maps x -> x + f(w.x): fitted while they are smooth, then made piecewise linear."""
