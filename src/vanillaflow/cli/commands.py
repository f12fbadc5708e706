"""The commands as a group, and what is said when the command line cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from ..choices import ZOO
from ..errors import VanillaflowError
from .python_object import require_own_error


class Commands(TyperGroup):
    """Sees when a system or a file stands where a command should, and what the system's own code raises."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        word = args[0] if args else ""
        if word not in self.commands:
            ending = Path(word).suffix.lower()
            if word in ZOO or ending == ".toml":
                raise VanillaflowError(f"{word!r} is a system; try vanillaflow compile {word} --tol 1e-2")
            if ending in (".onnx", ".safetensors"):
                raise VanillaflowError(f"{word!r} is a file; try vanillaflow inspect {word}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, VanillaflowError):
            raise
        except BaseException as error:
            if not is_usage_error(error):
                require_own_error(error)
            raise


def is_usage_error(error: BaseException) -> bool:
    """Whether it is one of Typer's errors about arguments; their base class is not public."""
    return hasattr(error, "format_message")


def usage_error(error: Any) -> str:
    """One of Typer's errors about arguments, in our words and with the command whose help there is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "vanillaflow"
    possible = getattr(error, "possibilities", None) or ()
    message = error.message if possible else error.format_message()
    hint = f"; did you mean {' or '.join(sorted(possible))}?" if possible else ""
    return f"{message.rstrip('.')}{hint} (see {command} --help)"
