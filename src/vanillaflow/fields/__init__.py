"""Everything becomes a RidgeField, the compiler's input language."""
