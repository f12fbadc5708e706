"""The command line tool `vanillaflow`: compile, report, certify, verify, inspect, zoo.

Results go to standard output, progress and errors to standard error. Every error that a user can act on is
one line and a non-zero exit code: 2 for a wrong request, 1 for a tolerance that was not reached or a
certificate that does not hold, 130 after Ctrl-C. A property that is violated exits with 1, too, and one that
was not decided with 3. Heavy modules are imported inside the commands, so that help
and typing errors are answered at once.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from contextvars import copy_context
from typing import Annotated, Any

import typer

from .. import __version__
from ..errors import CertificateRefused, ToleranceNotReached, VanillaflowError
from ..files.inputs import keep_inputs
from .certifying import certify_file
from .commands import Commands, is_usage_error, usage_error
from .compiling import compile_system
from .completion import require_known_shell
from .inspecting import inspect_file
from .interruption import Interrupted
from .reporting import report_on_system
from .text import one_line
from .verifying import verify_system
from .zoo import zoo_app

# Characters of a word in an error message. The names of files that people have are shorter.
_LONGEST_WORD = 300

app = typer.Typer(
    name="vanillaflow",
    help="Compile dynamical systems into vanilla feedforward networks: Linear and leaky ReLU, width d.",
    # After a line with \b alone, lines are left as they are.
    epilog="\b\nStart with:\n"
    "  vanillaflow zoo list\n"
    "  vanillaflow compile pendulum --tol 5e-2 -o pendulum.onnx\n"
    "  vanillaflow certify pendulum.onnx pendulum\n\n"
    "Every command has examples: vanillaflow compile --help. With vanillaflow --install-completion the shell "
    "completes commands, options and names of systems.",
    cls=Commands,
    # In 80 columns plain text has more room than Rich's panels.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compile", short_help="Compile a system into a network, to a tolerance.")(compile_system)
app.command("report", short_help="Show a network beside its system, in one HTML file.")(report_on_system)
app.command("certify", short_help="Measure how far a network is from its system.")(certify_file)
app.command("verify", short_help="Decide whether a property holds for a system.")(verify_system)
app.command("inspect", short_help="Say what a file is, and how accurate.")(inspect_file)
app.add_typer(zoo_app, name="zoo")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"vanillaflow {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _without_command(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line (by default that of this process) and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Names of systems and files may hold what the terminal's encoding does not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        require_known_shell(sys.argv[1:] if arguments is None else arguments)
        # In a context of its own: what one command reads and runs is nothing to the next.
        code = copy_context().run(_run, arguments)
    except SystemExit as done:  # The shell has its completions; commands end otherwise, see Commands.
        return int(done.code or 0)
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except VanillaflowError as error:
        return _fail(str(error), _code(error))
    except Exception as error:
        if not is_usage_error(error):
            raise
        return _fail(usage_error(error), 2)
    # Typer may itself turn Ctrl-C into this code.
    return _fail("interrupted; nothing more was written", 130) if code == 130 else int(code or 0)


def _run(arguments: Sequence[str] | None) -> Any:
    with keep_inputs():
        return app(arguments, prog_name="vanillaflow", standalone_mode=False)


def _code(error: VanillaflowError) -> int:
    if isinstance(error, Interrupted):
        return 130
    return 1 if isinstance(error, ToleranceNotReached | CertificateRefused) else 2


def _fail(message: str, code: int) -> int:
    # Long names are known by their beginning.
    shortened = re.sub(rf"(\S{{{_LONGEST_WORD}}})\S+", r"\1...", one_line(message))
    print(f"vanillaflow: {shortened}", file=sys.stderr)
    return code
