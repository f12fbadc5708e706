"""A network's numbers as named tensors, as the files store them and their checksums count them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import FileFormatError

NAMES = ("weights", "biases", "slopes")


def named_tensors(
    weights: Sequence[np.ndarray], biases: Sequence[np.ndarray], slopes: np.ndarray, dialect: str
) -> dict[str, np.ndarray]:
    """By name: `slopes`, and for every layer l `weights.l` and `biases.l`.

    The dialect leaky_relu, whose layers are all of one shape, has them stacked, as `weights` and `biases`.
    """
    if dialect == "leaky_relu":
        return {"weights": np.stack(weights), "biases": np.stack(biases), "slopes": slopes}
    layers = {
        f"{name}.{layer}": array
        for name, arrays in (("weights", weights), ("biases", biases))
        for layer, array in enumerate(arrays)
    }
    return layers | {"slopes": slopes}


def tensor_names(dialect: str, depth: int) -> set[str]:
    """The names that `named_tensors` gives a network of that depth."""
    if dialect == "leaky_relu":
        return set(NAMES)
    return {f"{name}.{layer}" for name in NAMES[:2] for layer in range(depth + 1)} | {"slopes"}


def from_named(tensors: Mapping[str, np.ndarray], dialect: str) -> dict[str, object]:
    """The arguments weights, biases and slopes of a FeedforwardNetwork, from what `named_tensors` gives."""
    slopes = tensors["slopes"]
    if dialect == "leaky_relu":
        for name in NAMES[:2]:
            if tensors[name].ndim == 0:
                raise FileFormatError(f"its tensor {name!r} is a single number")
        return {name: tensors[name] for name in NAMES}
    layers = range(slopes.shape[0] + 1 if slopes.ndim else 1)
    return {name: [tensors[f"{name}.{layer}"] for layer in layers] for name in NAMES[:2]} | {"slopes": slopes}
