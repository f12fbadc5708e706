"""Numbers and text inside a page: arrays as base64, JSON that no text can break out of."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def encode(array: np.ndarray, dtype: str) -> dict[str, Any]:
    """The array as the page's `decode` reads it: little-endian, row by row."""
    data = np.ascontiguousarray(array, dtype=np.dtype(dtype).newbyteorder("<"))
    return {"dtype": dtype, "shape": list(data.shape), "base64": base64.b64encode(data.tobytes()).decode()}


def script_json(value: Any) -> str:
    """JSON for the inside of a <script> element; raises ValueError for a number that is not finite."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return "".join(_ESCAPES.get(character, character) for character in text) if _unsafe(text) else text


def _unsafe(text: str) -> bool:
    return any(character in text for character in _ESCAPES)
