"""Everything leaves here: safetensors (exact, for `vanillaflow.load`), ONNX, C and Python sources, and torch
modules and JAX functions; `precision` measures what rounding costs them.

Files are written whole or not at all (`files`); what is read back is checked in full and never executed.
"""
