"""What makes a changed file recognizable."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np


def checksum(header: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of the header's JSON and of every array's name, shape and numbers, in hexadecimal.

    Numbers enter as little-endian int64 or float64, so that it does not depend on how they are stored.
    """
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        dtype = "<i8" if np.issubdtype(array.dtype, np.integer) else "<f8"
        digest.update(f"{name}{list(array.shape)}".encode())
        digest.update(np.ascontiguousarray(array, dtype=dtype).tobytes())
    return digest.hexdigest()
