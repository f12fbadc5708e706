"""Everything leaves here: safetensors (exact, for `vanillaflow.load`), ONNX, and torch modules.

Files are written whole or not at all (`files`); what is read back is checked in full and never executed.
"""
