"""Python objects made to break things, handed to the command line as package.module:object.

Each raises, exits, or answers something absurd: when its module is imported, when it is looked up, when its
attributes are read, or when it is called for the n-th time. Right is one sentence and a failing exit code.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from vanillaflow.cli import main

RAISED = (
    "SystemExit(0)", "SystemExit('bye')", "KeyboardInterrupt()", "GeneratorExit()", "StopIteration()",
    "MemoryError('x' * 5000)", "ZeroDivisionError()", "UnicodeDecodeError('utf-8', b'x', 0, 1, 'y')",
    "RecursionError()", "OSError(2, 'no such file')", "type('Odd', (BaseException,), {})('odd\\n\\nlines')",
    "ImportError('not this one')", "AssertionError()", "Warning()", "ExceptionGroup('g', [ValueError(1)])",
)  # fmt: skip
ANSWERS = (
    "None", "'text'", "x[:, :1]", "x.astype('float32')", "x + 1j", "np.ma.masked_array(x, x > 0)",
    "x.astype('float32').astype(float)",
    "np.full(x.shape, np.nan)", "np.full(x.shape, 'a')", "(x, x)", "x[::-1]", "np.random.random(x.shape)",
    "np.broadcast_to(0.0, (3, 3))", "object()",
)  # fmt: skip
MODULE = """
import numpy as np, vanillaflow as vf

def fail():
    raise {error}

class Field:
    dim = 2
    calls = 0

    def __call__(self, t, x):
        Field.calls += 1
        if {where!r} == "call" and Field.calls > {calls}:
            fail()
        return {answer}

class System(vf.System):
    @property
    def variables(self):
        fail()

if {where!r} == "import":
    fail()
box = vf.Box([-1, -1], [1, 1])
thing = vf.FlowMap(Field() if {door!r} == "object" else Field().__call__, 1.0, box)
if {where!r} == "attribute":
    class Hostile(vf.FlowMap):
        field = property(lambda self: fail(), lambda self, value: None)
    thing = Hostile(Field(), 1.0, box)

def __getattr__(name):
    fail()
"""


def run(seconds: float, seed: int) -> list[tuple[str, int, int]]:
    """For each place, how many objects were tried, and how many did not end in one sentence."""
    rng = np.random.default_rng(seed)
    counts = {where: [0, 0] for where in ("import", "lookup", "attribute", "call", "answer")}
    begun = perf_counter()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        while perf_counter() - begun < seconds:
            for where, count in counts.items():
                count[0] += 1
                module = f"hostile_{sum(tried for tried, _ in counts.values())}"
                text = MODULE.format(
                    error=rng.choice(RAISED),
                    where=where,
                    calls=rng.choice([0, 5, 40]),
                    answer=rng.choice(ANSWERS) if where == "answer" else "-x",
                    door=rng.choice(["object", "function"]),
                )
                Path(f"{module}.py").write_text(text)
                name = "absent" if where == "lookup" else "thing"
                wrong = _wrong(["compile", f"{module}:{name}", "--tol", "0.5", "-o", "net.onnx"])
                Path("net.onnx").unlink(missing_ok=True)
                count[1] += wrong is not None
                if wrong is not None:
                    print(f"{where}: {wrong}\n{text}", flush=True)
    return [(f"objects, {where}", *count) for where, count in counts.items()]


def _wrong(arguments: list[str]) -> str | None:
    """What is wrong with how the command ends, if anything."""
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(arguments)
    except BaseException as error:
        return f"{type(error).__name__} reached the caller"
    lines = [line for line in err.getvalue().splitlines() if line.startswith("vanillaflow: ")]
    if code not in (1, 2, 130) or len(lines) != 1 or out.getvalue():
        return f"exit code {code} and {err.getvalue()!r}"
    return "a file was written" if Path("net.onnx").exists() else None


if __name__ == "__main__":
    sys.path.insert(0, "")
    for row in run(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0, 0):
        print(*row, sep="\t")
