"""vanillaflow compiles dynamical systems into vanilla feedforward networks.

    import vanillaflow as vf

    target = vf.zoo.pendulum().target()
    flow = vf.compile(target, tol=1e-2)
    flow.to_network("leaky_relu").to_onnx("pendulum.onnx")

Public names load their modules on first use, so ``import vanillaflow`` is cheap and pulls in neither
numba nor torch, onnx or sympy.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each public name lives. No submodule may share the name of a public function: importing the
# submodule would rebind the name to the module (hence `compiler.py` and `certificates/`).
_HOME = {
    "RidgeField": "fields.ridge",
    "PiecewiseField": "fields.ridge",
    "LayeredField": "fields.layered",
    "Profile": "fields.profiles",
    "from_equations": "fields.equations",
    "from_sympy": "fields.equations.symbolic",
    "load_system": "systems.system_file",
    "from_onnx": "fields.onnx_field",
    "from_torch": "fields.pytorch.module",
    "from_callable": "fields.callable_field",
    "fit_field": "fields.fit",
    "System": "systems.system",
    "zoo": "systems.zoo",
    "plot": "plot",
    "Box": "box",
    "FlowMap": "target",
    "PlanarFlow": "planar.flow",
    "FlowChain": "constructions.chain",
    "compile": "compiler",
    "certify": "certificates",
    "Certificate": "certificates",
    "rollout_errors": "certificates.rollout",
    "report": "reports",
    "verify": "verification",
    "Verdict": "verification",
    "Property": "verification",
    "UnsafeSet": "verification",
    "read_vnnlib": "verification",
    "write_vnnlib": "verification",
    "reach": "verification.reachable",
    "ReachableSet": "verification.reachable",
    "FeedforwardNetwork": "network.feedforward",
    "load": "export.safetensors",
    "precision_errors": "export.precision",
    "PrecisionErrors": "export.precision",
    "UncoveredDomain": "errors",
    "VanillaflowError": "errors",
    "CertificateRefused": "errors",
    "ProofInterrupted": "errors",
    "FieldError": "errors",
    "FlowLeavesDomain": "errors",
    "FlowNotResolved": "errors",
    "CompilationInterrupted": "errors",
    "ToleranceNotReached": "errors",
    "FileFormatError": "errors",
    "OutputError": "errors",
}

# Those that are modules themselves.
_MODULES = ("plot", "zoo")

__all__ = sorted([*_HOME, "__version__"])

if TYPE_CHECKING:
    from . import plot as plot
    from .box import Box as Box
    from .certificates import Certificate as Certificate
    from .certificates import certify as certify
    from .certificates.rollout import rollout_errors as rollout_errors
    from .compiler import compile as compile
    from .constructions.chain import FlowChain as FlowChain
    from .errors import CertificateRefused as CertificateRefused
    from .errors import CompilationInterrupted as CompilationInterrupted
    from .errors import FieldError as FieldError
    from .errors import FileFormatError as FileFormatError
    from .errors import FlowLeavesDomain as FlowLeavesDomain
    from .errors import FlowNotResolved as FlowNotResolved
    from .errors import OutputError as OutputError
    from .errors import ProofInterrupted as ProofInterrupted
    from .errors import ToleranceNotReached as ToleranceNotReached
    from .errors import UncoveredDomain as UncoveredDomain
    from .errors import VanillaflowError as VanillaflowError
    from .export.precision import PrecisionErrors as PrecisionErrors
    from .export.precision import precision_errors as precision_errors
    from .export.safetensors import load as load
    from .fields.callable_field import from_callable as from_callable
    from .fields.equations import from_equations as from_equations
    from .fields.equations.symbolic import from_sympy as from_sympy
    from .fields.fit import fit_field as fit_field
    from .fields.layered import LayeredField as LayeredField
    from .fields.onnx_field import from_onnx as from_onnx
    from .fields.profiles import Profile as Profile
    from .fields.pytorch.module import from_torch as from_torch
    from .fields.ridge import PiecewiseField as PiecewiseField
    from .fields.ridge import RidgeField as RidgeField
    from .network.feedforward import FeedforwardNetwork as FeedforwardNetwork
    from .planar.flow import PlanarFlow as PlanarFlow
    from .reports import report as report
    from .systems import zoo as zoo
    from .systems.system import System as System
    from .systems.system_file import load_system as load_system
    from .target import FlowMap as FlowMap
    from .verification import Property as Property
    from .verification import UnsafeSet as UnsafeSet
    from .verification import Verdict as Verdict
    from .verification import read_vnnlib as read_vnnlib
    from .verification import verify as verify
    from .verification import write_vnnlib as write_vnnlib
    from .verification.reachable import ReachableSet as ReachableSet
    from .verification.reachable import reach as reach


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        # With both, Python suggests the nearest name.
        raise AttributeError(
            f"module 'vanillaflow' has no attribute {name!r}", name=name, obj=sys.modules[__name__]
        )
    module = import_module(f"{__name__}.{_HOME[name]}")
    value = module if name in _MODULES else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
