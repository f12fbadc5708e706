"""The graph of a PyTorch module, read as a ridge sum or as layers. Imported by `from_torch`: needs torch.

torch.fx lists the operations of the module. Each value in the list that depends on the state y is kept as a
`RidgeForm`, A y + c + sum_k a_k g_k(w_k . y + b_k), or as a `LayeredForm`, the same of the last hidden layer;
operations on forms are exact arithmetic on these arrays.
"""

from __future__ import annotations

import copy
import inspect
import operator
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import fx, nn

from ...errors import FieldError
from ..layered import LayeredForm
from ..ridge_form import RidgeForm
from .operations import UnreadableError, apply, label

READS = "from_torch reads Linear -> activation -> Linear"

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Call(nn.Module):
    """Calls the module with y or (t, y), so that tracing fills in the defaults of other arguments."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module, self.timed = module, takes_time(module)

    def forward(self, t: Any, y: Any) -> Any:
        return self.module(t, y) if self.timed else self.module(y)


def float64_copy(module: nn.Module) -> nn.Module:
    """A copy in float64 on the CPU, in the module's own mode. FieldError if a weight is not finite."""
    for kind, named in (("parameter", module.named_parameters()), ("buffer", module.named_buffers())):
        for name, tensor in named:
            if nn.parameter.is_lazy(tensor):
                raise FieldError(f"{kind} {name!r} of the module has no values yet: call the module once")
            if torch.is_complex(tensor):
                raise FieldError(f"{kind} {name!r} of the module is complex; a vector field here is real")
            if torch.is_floating_point(tensor) and not torch.isfinite(tensor).all():
                raise FieldError(f"{kind} {name!r} of the module has values that are not finite")
    try:
        return copy.deepcopy(module).to("cpu", torch.float64)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise FieldError(f"the module cannot be copied: {_first_line(error)}") from None


def evaluate(call: Call, t: float, x: np.ndarray) -> np.ndarray:
    """The float64 module's values at the rows of x, called as it is read."""
    try:
        with torch.no_grad():
            y = call(torch.tensor(t, dtype=torch.float64), torch.from_numpy(x.copy()))
    except Exception as error:  # Whatever the user's code may raise.
        raise FieldError(f"the module cannot be evaluated in float64: {_first_line(error)}") from None
    if not isinstance(y, torch.Tensor):
        raise FieldError(f"the module returns a {type(y).__name__}; a vector field returns one tensor")
    return y.numpy()


def evaluate_at_times(call: Call, times: np.ndarray, x: np.ndarray) -> np.ndarray | None:
    """The same at many times at once, (m, n, d), by torch's vmap; None if the module does not allow that."""
    points = torch.from_numpy(x.copy())
    try:
        with torch.no_grad():
            y = torch.func.vmap(lambda t: call(t, points))(torch.from_numpy(times.copy()))
    except Exception:  # The user's code may look at the time, which vmap forbids in many ways.
        return None
    return y.numpy()


def likely_dimensions(module: nn.Module) -> list[int]:
    """What the last Linear returns, as the velocity it is a part of, and what the first one reads."""
    linear = [part for part in module.modules() if isinstance(part, nn.Linear)]
    return list(dict.fromkeys([linear[-1].out_features, linear[0].in_features])) if linear else []


def has_dropout_in_training(module: nn.Module) -> bool:
    return any(part.training and "Dropout" in type(part).__name__ for part in module.modules())


def read_field(module: nn.Module, dim: int | None) -> RidgeForm:
    """The ridge form that the module's forward computes from y in R^d. Raises FieldError if there is none."""
    return _form(module, dim, RidgeForm.state)


def read_layers(module: nn.Module, dim: int | None) -> LayeredForm:
    """The same, with functions of functions, layer upon layer. Raises FieldError if it has no such form."""
    return cast(LayeredForm, _form(module, dim, LayeredForm.state))


def _form(module: nn.Module, dim: int | None, state: Callable[[int], RidgeForm]) -> RidgeForm:
    """What the module's forward computes from `state(d)`, the form of y itself."""
    root = _trace(Call(module))
    nodes = list(root.graph.nodes)
    uses_time, uses_state = _dependents(nodes, "t"), _dependents(nodes, "y")
    if uses_time:
        raise FieldError(
            f"the module depends on time: its first argument goes into {label(root, uses_time[0])}; "
            "from_torch reads fields that ignore it"
        )
    found = _describe([label(root, node) for node in uses_state if node.op != "output"])
    d = _dimension(root, nodes, found) if dim is None else dim
    values: dict[fx.Node, Any] = {}
    for node in nodes:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), values.get)
        try:
            if node.op == "output":
                return _field(args[0], d)
            if node.op == "placeholder":
                values[node] = state(d)
            elif node in uses_state:
                values[node] = apply(root, node, args, kwargs)
            else:
                values[node] = _constant(root, node, args, kwargs)
        except UnreadableError as reason:
            raise FieldError(f"{READS}; found {found}{reason}") from None
        except (IndexError, RuntimeError, TypeError) as error:
            # An operation that it knows, called in a way that it does not.
            raise FieldError(
                f"{READS}; found {found}, and {label(root, node)} fails: {_first_line(error)}"
            ) from None
    raise AssertionError("a graph of torch.fx ends with its output")


def _describe(operations: list[str]) -> str:
    linear = operations.count("Linear")
    return " -> ".join(operations) + (f" ({linear} linear layers)" if linear > 2 else "")


def _field(value: Any, d: int) -> RidgeForm:
    """`value`, if it is a vector field on R^d."""
    if not isinstance(value, RidgeForm):
        what = "a constant" if isinstance(value, torch.Tensor) else f"a {type(value).__name__}"
        raise FieldError(f"the module returns {what}; a vector field returns one tensor that depends on y")
    if value.size != d:
        raise FieldError(f"the module maps dimension {d} to {value.size}; a vector field keeps the dimension")
    return value


def takes_time(module: nn.Module) -> bool:
    """Whether forward is (t, y) rather than (y), by its positional arguments without defaults."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        raise FieldError(
            f"the code of a {type(module).__name__} cannot be read; pass the module it was made from"
        ) from None
    required = [p for p in parameters if p.kind in _POSITIONAL and p.default is inspect.Parameter.empty]
    if len(required) not in (1, 2):
        raise FieldError(
            f"the module's forward must take (y) or (t, y), as for torchdiffeq; it takes {len(required)} "
            "arguments without defaults"
        )
    return len(required) == 2


def _trace(call: Call) -> fx.GraphModule:
    try:
        root = fx.GraphModule(call, fx.Tracer().trace(call))
    except fx.proxy.TraceError:
        raise FieldError(
            "the module's forward branches on its data or iterates over it; from_torch reads a fixed formula"
        ) from None
    except Exception as error:  # Tracing runs the user's code, which may raise anything.
        raise FieldError(f"the module's forward cannot be traced by torch.fx: {_first_line(error)}") from None
    root.graph.eliminate_dead_code()
    return root


def _dependents(nodes: list[fx.Node], name: str) -> list[fx.Node]:
    """The nodes that depend on the argument called `name`, in order, without the argument itself."""
    reached = {n for n in nodes if n.op == "placeholder" and n.target == name}
    ordered = []
    for node in nodes:
        if reached.intersection(node.all_input_nodes):
            reached.add(node)
            ordered.append(node)
    return ordered


def _dimension(root: fx.GraphModule, nodes: list[fx.Node], found: str) -> int:
    """What the first Linear reads."""
    for node in nodes:
        if node.op == "call_module" and isinstance(linear := root.get_submodule(str(node.target)), nn.Linear):
            return linear.in_features
    raise FieldError(
        f"{READS}; found {found or 'no operation'}, without a Linear that tells the dimension of y: pass dim"
    )


def _constant(root: fx.GraphModule, node: fx.Node, args: Any, kwargs: Any) -> Any:
    """The value of a node that depends on neither y nor t."""
    with torch.no_grad():
        if node.op == "get_attr":
            return operator.attrgetter(str(node.target))(root)
        if node.op == "call_module":
            return root.get_submodule(str(node.target))(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        return cast(Callable, node.target)(*args, **kwargs)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
