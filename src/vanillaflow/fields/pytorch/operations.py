"""What each PyTorch operation does to a ridge form, or to a layered one, which is a ridge form of a layer.

Imported by `torch_graph` only: needs torch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional

from ..profiles import get_profile, leaky_relu
from ..ridge_form import RidgeForm

# What activation modules and functions are called here.
_MODULES: dict[type[nn.Module], str] = {
    nn.Tanh: "tanh",
    nn.Sigmoid: "sigmoid",
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.ELU: "elu",
    nn.SiLU: "silu",
    nn.GELU: "gelu",
    nn.Softplus: "softplus",
}
_FUNCTIONS: dict[Any, str] = {
    torch.tanh: "tanh",
    functional.tanh: "tanh",
    torch.sigmoid: "sigmoid",
    functional.sigmoid: "sigmoid",
    torch.relu: "relu",
    functional.relu: "relu",
    functional.leaky_relu: "leaky_relu",
    functional.elu: "elu",
    functional.silu: "silu",
    functional.gelu: "gelu",
    functional.softplus: "softplus",
    torch.sin: "sin",
    torch.cos: "cos",
    torch.exp: "exp",
    torch.atan: "arctan",
    torch.arctan: "arctan",
    torch.abs: "abs",
    operator.abs: "abs",
    torch.square: "square",
    torch.add: "add",
    operator.add: "add",
    torch.sub: "sub",
    operator.sub: "sub",
    torch.neg: "neg",
    operator.neg: "neg",
    torch.mul: "mul",
    operator.mul: "mul",
    torch.div: "div",
    operator.truediv: "div",
    torch.matmul: "matmul",
    operator.matmul: "matmul",
    torch.pow: "pow",
    operator.pow: "pow",
}
_METHODS = set(_FUNCTIONS.values())
# The options of the activations, in the order of the function's arguments; modules keep them as attributes.
_OPTIONS: dict[str, tuple[str, ...]] = {
    "relu": ("inplace",),
    "leaky_relu": ("negative_slope", "inplace"),
    "elu": ("alpha", "inplace"),
    "silu": ("inplace",),
    "gelu": ("approximate",),
    "softplus": ("beta", "threshold"),
}
_ALLOWED: dict[str, Callable[[Any], bool]] = {
    "inplace": lambda v: True,
    "negative_slope": lambda v: True,
    "alpha": lambda v: v == 1,
    "approximate": lambda v: v == "none",
    "beta": lambda v: v == 1,
    "threshold": lambda v: v >= 20,
}


class UnreadableError(Exception):
    """An operation that no ridge form can express; the message completes "found Linear -> Tanh -> Linear"."""


def label(root: fx.GraphModule, node: fx.Node) -> str:
    """The operation as a reader of the module knows it."""
    if node.op == "call_module":
        return type(root.get_submodule(str(node.target))).__name__
    return str(getattr(node.target, "__name__", node.target))


def apply(root: fx.GraphModule, node: fx.Node, args: Any, kwargs: Any) -> RidgeForm:
    """The ridge form of a node that depends on y. Raises UnreadableError if there is none."""
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        if isinstance(module, nn.Linear):
            return _linear(args[0], module.weight, module.bias)
        if isinstance(module, nn.Identity):
            return args[0]
        if isinstance(module, nn.Dropout):
            return _dropout(args[0], module.p, module.training)
        name = _MODULES.get(type(module))
        if name is None:
            raise UnreadableError(f", and {type(module).__name__} is not among the layers that it knows")
        return _activation(
            args[0], name, {option: getattr(module, option) for option in _OPTIONS.get(name, ())}
        )
    if node.target is functional.linear:
        return _linear(*args, **kwargs)
    if node.target is functional.dropout:
        return _dropout(*args, **kwargs)
    name = _FUNCTIONS.get(node.target) if node.op == "call_function" else str(node.target)
    if name in _ARITHMETIC and not kwargs:
        return _ARITHMETIC[name](*args)
    if name in _METHODS - _ARITHMETIC.keys():
        return _activation(args[0], name, dict(zip(_OPTIONS.get(name, ()), args[1:])) | kwargs)
    raise UnreadableError(f", and {label(root, node)} is not among the operations that it knows")


def _activation(form: RidgeForm, name: str, options: dict[str, Any]) -> RidgeForm:
    for option, value in options.items():
        if option not in _ALLOWED or not _ALLOWED[option](value):
            raise UnreadableError(f", with {name}({option}={value!r})")
    slope = float(options.get("negative_slope", 0.01))
    profile = leaky_relu(slope) if name == "leaky_relu" else get_profile(name)
    try:
        return form.activate(profile)
    except ValueError:
        raise UnreadableError(f", where {name} is applied to what is already nonlinear") from None


def _dropout(form: RidgeForm, p: float = 0.5, training: bool = True, inplace: bool = False) -> RidgeForm:
    if training and p > 0:
        raise UnreadableError(", and dropout is random in training mode: call module.eval() first")
    return form


def _linear(form: RidgeForm, weight: Any, bias: Any = None) -> RidgeForm:
    W = _array(weight)
    if W.ndim != 2 or W.shape[1] != form.size:
        raise UnreadableError(f", whose Linear reads {W.shape[-1]} numbers where there are {form.size}")
    return form.map(W, 0.0 if bias is None else _array(bias))


def _add(p: Any, q: Any) -> RidgeForm:
    if not isinstance(p, RidgeForm):
        return _add(q, p)
    if not isinstance(q, RidgeForm):
        return p.shift(_coefficients(q, p))
    if p.size != q.size:
        raise UnreadableError(f", which adds {p.size} numbers to {q.size}")
    try:
        return p.plus(q)
    except ValueError as reason:
        raise UnreadableError(f", which adds {reason}") from None


def _negative(p: Any) -> Any:
    return p.scale(-1.0) if isinstance(p, RidgeForm) else -p


def _multiply(p: Any, q: Any) -> RidgeForm:
    if not isinstance(p, RidgeForm):
        return _multiply(q, p)
    if isinstance(q, RidgeForm):
        raise UnreadableError(", which multiplies two functions of y")
    return p.scale(_coefficients(q, p))


def _divide(p: Any, q: Any) -> RidgeForm:
    if isinstance(q, RidgeForm):
        raise UnreadableError(", which divides by a function of y")
    with np.errstate(divide="ignore"):
        return p.scale(1 / _coefficients(q, p))


def _matmul(p: Any, q: Any) -> RidgeForm:
    if not isinstance(p, RidgeForm) or isinstance(q, RidgeForm):
        raise UnreadableError(", whose matmul is not of y with a constant matrix on the right")
    matrix = _array(q)
    if matrix.ndim != 2 or matrix.shape[0] != p.size:
        raise UnreadableError(f", whose matmul of {p.size} numbers has a factor of shape {matrix.shape}")
    return p.map(matrix.T)


def _power(p: Any, exponent: Any) -> RidgeForm:
    if isinstance(p, RidgeForm) and not isinstance(exponent, RidgeForm):
        number = float(exponent)
        if number == 1:
            return p
        if number.is_integer() and number >= 2:
            return _activation(p, f"power{int(number)}", {})
    raise UnreadableError(", with a power that is not a positive integer")


_ARITHMETIC: dict[str, Callable[..., RidgeForm]] = {
    "add": _add,
    "sub": lambda p, q: _add(p, _negative(q)),
    "neg": _negative,
    "mul": _multiply,
    "div": _divide,
    "matmul": _matmul,
    "pow": _power,
}


def _coefficients(constant: Any, form: RidgeForm) -> np.ndarray:
    """A constant that acts on the form coordinate by coordinate: one number, or one for each."""
    values = _array(constant)
    if values.size == 1:
        return values.reshape(())
    if values.size != form.size or values.shape[-1] != form.size:
        raise UnreadableError(
            f", with a constant of shape {values.shape} where there are {form.size} numbers"
        )
    return values.reshape(form.size)


def _array(constant: Any) -> np.ndarray:
    if isinstance(constant, torch.Tensor):
        return constant.detach().to(torch.float64).numpy()
    return np.asarray(constant, dtype=np.float64)
