"""Checks of user-given numbers, with the same words everywhere."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

# Types whose numbers float64 holds exactly, and which need no further look.
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def real_array(name: str, value: Any) -> np.ndarray:
    """`value` as an array of float32, if it is of that type, or else of float64, without loss.

    Raises ValueError naming `name` for what would lose something on the way: masked entries, complex numbers,
    text, dates, integers or extended floating-point numbers that float64 does not hold, tensors that require
    gradients, and whatever is no array of real numbers.
    """
    if type(value) is np.ndarray and (value.dtype == _FLOAT64 or value.dtype == _FLOAT32):
        return value
    if _has_mask(value):
        raise ValueError(f"{name} has masked entries; fill them in first, with x.filled(...)")
    if getattr(value, "requires_grad", False) is True:
        raise ValueError(
            f"{name} is a tensor that requires gradients, which would be lost; pass x.detach(), or use "
            "to_network().to_torch(), which has them"
        )
    try:
        array = np.asarray(value)
    except Exception as error:  # What an array-like object does when asked for its numbers is its own matter.
        reason = str(error).split("\n")[0]
        raise ValueError(f"{name} must be an array of real numbers: {reason}") from error
    if array.dtype in (_FLOAT64, _FLOAT32):
        return array.view(np.ndarray)
    kind = array.dtype.kind
    if kind == "O":
        return _numbers(name, array)
    if kind not in "biuf":
        what = {"c": "complex numbers", "U": "text", "S": "text", "M": "dates", "m": "durations"}.get(kind)
        raise ValueError(f"{name} must be an array of real numbers, got {what or f'type {array.dtype}'}")
    with np.errstate(over="ignore"):
        converted = array.astype(_FLOAT64)
    if kind in "iuf" and array.dtype.itemsize >= _FLOAT64.itemsize:
        # A long double says whether float64 holds a number: it holds those of 64 bits, and its own.
        lost = (converted.astype(np.longdouble) != array.astype(np.longdouble)) & (array == array)
        if lost.any():
            raise ValueError(
                f"{name} has {array[lost][0]}, which float64 cannot hold exactly; round it first, with "
                "x.astype(numpy.float64)"
            )
    return converted


def _has_mask(value: Any) -> bool:
    """Whether something of a masked array, or of one in a list, is masked."""
    if isinstance(value, list | tuple):
        return any(_has_mask(each) for each in value)
    return isinstance(value, np.ma.MaskedArray) and bool(np.any(np.ma.getmaskarray(value)))


def _numbers(name: str, array: np.ndarray) -> np.ndarray:
    """An array of Python objects as float64; raises ValueError if one is not a real number."""
    numbers_only = np.empty(array.shape)
    for index, each in np.ndenumerate(array):
        try:
            if isinstance(each, str | bytes | np.generic) and not isinstance(each, np.number | np.bool_):
                raise TypeError
            numbers_only[index] = float(each)
        except (TypeError, ValueError, OverflowError):
            where = f" at index {index}" if index else ""
            raise ValueError(
                f"{name} must be an array of real numbers, found {type(each).__name__}{where}"
            ) from None
    return numbers_only


def require_points(x: Any, dim: int) -> np.ndarray:
    """`x` as points (n, dim) of float64. Raises ValueError for another shape, and as `real_array` does."""
    return require_points_as_given(x, dim).astype(_FLOAT64, copy=False)


def require_points_as_given(x: Any, dim: int) -> np.ndarray:
    """The same, but float32 stays float32."""
    x = real_array("points", x)
    if x.ndim != 2 or x.shape[1] != dim:
        raise ValueError(f"expected points of shape (n, {dim}), got {x.shape}")
    return x


def require_finite(name: str, value: Any) -> np.ndarray:
    """`value` as a float64 array; raises ValueError naming `name` if it has NaN, infinity or no numbers."""
    array = real_array(name, value).astype(_FLOAT64, copy=False)
    if not np.all(np.isfinite(array)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0]) if array.ndim else ()
        raise ValueError(f"{name} must be finite, found {array[where]} at index {where}")
    return array


def require_positive(name: str, value: float) -> float:
    """`value` as a float; raises ValueError naming `name` unless it is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a positive number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # An integer of more than 308 digits.
        raise ValueError(f"{name} must be at most 1.8e308, got a larger integer") from None
    if not (np.isfinite(number) and number > 0):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")
    return number


def require_count(name: str, value: int, most: int) -> int:
    """`value` as an int; raises ValueError naming `name` unless it is a whole number from 1 to `most`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 1 to {most}, got {value!r}")
    return int(value)


def require_fraction(name: str, value: float) -> float:
    """`value` as a float; raises ValueError naming `name` unless it is above zero and below one."""
    if require_positive(name, value) >= 1:
        raise ValueError(f"{name} must be within (0, 1), got {value:g}")
    return float(value)
