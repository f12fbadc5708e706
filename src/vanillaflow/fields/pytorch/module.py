"""from_torch: a neural ODE's PyTorch module as a field, read exactly where it is a sum of ridges or layers.

This module can be imported without torch; `torch_graph`, which reads the module's graph, cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...errors import FieldError, import_optional
from ...validation import require_positive
from ..callable_field import CallableField, require_field, times_of_jumps
from ..layered import LayeredField
from ..ridge import RidgeField

if TYPE_CHECKING:
    import torch

# torch's softplus(z) is z from z = 20 on, where the true value is larger by log(1 + e^-20).
_SOFTPLUS_STEP = float(np.log1p(np.exp(-20.0)))
_TIMES = (0.0, 0.5, -1.0, 7.25)
_POINTS_PER_SCALE = 32
_SCALES = (0.1, 1.0, 5.0)


def from_torch(
    module: torch.nn.Module,
    dim: int | None = None,
    exact: bool = False,
    *,
    jumps: Sequence[float] = (),
    max_step: float | None = None,
) -> RidgeField | LayeredField | CallableField:
    """Return the vector field that a PyTorch module computes, called as `module(y)` or `module(t, y)`.

    Where it has the form v(x) = A x + c + sum_k a_k g_k(w_k . x + b_k), that is read from its graph, exactly:
    `Linear -> activation -> Linear`, inside any containers, and what else is linear in such terms: sums,
    products with constants, `-y + net(y)`, a single `Linear`. Activations are Tanh, Sigmoid, ReLU, LeakyReLU,
    ELU(alpha=1), SiLU, GELU(approximate="none"), Softplus(beta=1, threshold>=20), and as functions also sin,
    cos, exp, abs, arctan and integer powers. Weights are converted to float64 exactly, and the result is
    compared with the module, evaluated in float64, at random points and several times.

    A deeper network of `Linear` layers and these activations, one for each layer, is read in the same way as
    a LayeredField; what is linear in y may be added to it, as in `-y + net(y)`.

    Any other module, such as a network with skip connections or one that depends on time, becomes a field
    that evaluates a float64 copy of it on batches of points (n, dim). The default method compiles all of
    them.

    Parameters
    ----------
    module
        The module. It is not changed.
    dim
        The dimension of y, needed where no `Linear` shows it.
    exact
        Whether a module that is no RidgeField, which the other methods need, is refused.
    jumps
        Times at which a module that depends on time jumps or has a corner, as for `from_callable`.
    max_step
        The longest step, in time, of a solver that is to meet all that such a module does.

    Raises
    ------
    FieldError
        For a module that is random (dropout in training mode), counts its calls, mixes the points of a batch,
        returns another shape, has weights that are not finite or cannot be evaluated in float64; with `exact`
        for all that is no sum of ridges. The message says what was found.
    VanillaflowError
        If torch is missing.
    """
    torch = import_optional("torch", extra="torch", purpose="from_torch")
    if not isinstance(module, torch.nn.Module):
        raise FieldError(f"from_torch reads a torch.nn.Module, got {type(module).__name__}")
    from . import graph as torch_graph

    if dim is not None and not (isinstance(dim, int) and dim >= 1):
        raise FieldError(f"dim must be a positive integer, got {dim!r}")
    # torch.compile wraps the module it was given.
    copy = torch_graph.float64_copy(getattr(module, "_orig_mod", module))
    try:
        return _read(copy, dim)
    except FieldError:
        if exact:
            raise
    try:
        return _read_layers(copy, dim)
    except FieldError:
        pass
    step = None if max_step is None else require_positive("max_step", max_step)
    return _evaluating_field(copy, dim, type(module).__name__, times_of_jumps(jumps), step)


def _read(module: torch.nn.Module, dim: int | None) -> RidgeField:
    from .graph import read_field

    form = read_field(module, dim)
    try:
        field = RidgeField(form.a.T, form.w, form.b, list(form.profiles), form.A, form.c)
    except ValueError as error:
        raise FieldError(f"the module computes no finite field: {error}") from None
    _require_equal(field, module)
    return field


def _read_layers(module: torch.nn.Module, dim: int | None) -> LayeredField:
    from .graph import read_layers

    field = read_layers(module, dim).field()
    _require_equal(field, module)
    return field


def _evaluating_field(
    module: torch.nn.Module,
    dim: int | None,
    label: str,
    jumps: tuple[float, ...],
    max_step: float | None,
) -> CallableField:
    """The field that evaluates `module` (in float64), which must behave as a field does."""
    from .graph import Call, evaluate, evaluate_at_times, has_dropout_in_training, likely_dimensions

    if has_dropout_in_training(module):
        raise FieldError("dropout is random in training mode: call module.eval() first")

    dimensions = likely_dimensions(module) if dim is None else [dim]
    if not dimensions:
        raise FieldError("the module has no Linear that tells the dimension of y: pass dim")
    call = Call(module)

    def velocity(t: float, x: np.ndarray) -> np.ndarray:
        return evaluate(call, t, x)

    def at_times(times: np.ndarray, x: np.ndarray) -> np.ndarray | None:
        return evaluate_at_times(call, times, x)

    reasons = []
    for d in dimensions:
        try:
            require_field(velocity, d, "the module")
        except FieldError as error:
            reasons.append(error)
        else:
            return CallableField(velocity, d, label, 0, not call.timed, jumps, max_step, at_times)
    raise reasons[0]


def _require_equal(field: RidgeField | LayeredField, module: torch.nn.Module) -> None:
    """Raise FieldError unless `module` (in float64) and `field` agree to rounding at random points."""
    from .graph import Call, evaluate

    rng = np.random.default_rng(0)
    x = np.concatenate([s * rng.standard_normal((_POINTS_PER_SCALE, field.dim)) for s in _SCALES])
    with np.errstate(all="ignore"):
        ours = field(0.0, x)
        allowed = _layered_bound(field, x) if isinstance(field, LayeredField) else _ridge_bound(field, x)
    # Where exp or a power overflows there is nothing to compare.
    rows = np.isfinite(ours).all(axis=1) & np.isfinite(allowed)
    if not rows.any():
        raise FieldError(
            "the module's values overflow wherever they were compared with the field read from it"
        )
    for t in _TIMES:
        theirs = evaluate(Call(module), t, x)
        if theirs.shape != ours.shape:
            raise FieldError(
                f"the module maps shape {x.shape} to {theirs.shape}; a vector field keeps the shape"
            )
        difference = np.abs(theirs - ours).max(axis=1)
        if not np.all(difference[rows] <= allowed[rows]):
            raise FieldError(
                f"the module does something that its graph does not show: at time {t:g} it differs from the "
                f"field that was read from it by {np.max(difference[rows]):.3g}"
            )


def _ridge_bound(field: RidgeField, x: np.ndarray) -> np.ndarray:
    """(n,) bounds on the difference of two float64 evaluations of the field, in any order of summation.

    A sum of m terms errs by at most m eps times the sum of the terms' magnitudes; an error in the argument
    of g_k is amplified by |g_k'|, and g_k itself errs by a few eps of its value or, where it is a product
    that cancels (gelu), of its argument. The factor 8 covers "a few".
    """
    z = x @ field.w.T + field.b
    z_size = np.abs(x) @ np.abs(field.w).T + np.abs(field.b)
    size = np.abs(x) @ np.abs(field.A).T + np.abs(field.c)
    step = np.zeros(field.dim)
    for k, profile in enumerate(field.profiles):
        g, slope = np.abs(profile.value(z[:, k])), np.abs(profile.derivative(z[:, k]))
        size += np.abs(field.a[k]) * (g + np.maximum(slope, 1.0) * z_size[:, k])[:, None]
        if profile.name == "softplus":
            step += np.abs(field.a[k]) * _SOFTPLUS_STEP
    terms = 8 * (field.dim + field.ridges + 1)
    return (terms * np.finfo(np.float64).eps * size + step).max(axis=1)


def _layered_bound(field: LayeredField, x: np.ndarray) -> np.ndarray:
    """(n,) bounds of the same, carried from layer to layer.

    What the sums of a layer are off by is what the layer before is off by, times the sizes of the weights,
    and what they round themselves; as above, |s'| amplifies it, and s errs by a few eps.
    """
    unit = 8 * np.finfo(np.float64).eps
    h, off = x, np.zeros_like(x)
    for W, b, profile in zip(field.weights[:-1], field.biases[:-1], field.profiles):
        z = h @ W.T + b
        rounded = unit * (W.shape[1] + 1) * (np.abs(h) @ np.abs(W).T + np.abs(b))
        step = _SOFTPLUS_STEP if profile.name == "softplus" else 0.0
        h, slope = profile.value(z), np.abs(profile.derivative(z))
        off = np.maximum(slope, 1.0) * (off @ np.abs(W).T + rounded) + unit * np.abs(h) + step
    W, b, A = (np.abs(array) for array in (field.weights[-1], field.biases[-1], field.A))
    rounded = unit * (W.shape[1] + field.dim + 1) * (np.abs(h) @ W.T + b + np.abs(x) @ A.T)
    return (off @ W.T + rounded).max(axis=1)
