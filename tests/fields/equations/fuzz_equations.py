"""`make fuzz`: equations, and TOML files of them, from bytes that atheris chooses to reach more of the code.

    python tests/fields/fuzz_equations.py -max_total_time=60

Stops at the first input that raises anything but FieldError, or takes longer than a second.
"""

import sys
from time import process_time

import atheris

with atheris.instrument_imports(include=["vanillaflow"]):
    from vanillaflow.errors import FieldError
    from vanillaflow.fields.equations import from_equations
    from vanillaflow.systems.system_file import parse_system

SECONDS = 1.0
FILE = 'name = "a"\n[equations]\nx = "{}"\n[domain]\nx = [-1, 1]\n[flow]\nduration = 1'


def one_input(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    whole_file = provider.ConsumeBool()
    first = provider.ConsumeUnicodeNoSurrogates(60)
    second = provider.ConsumeUnicodeNoSurrogates(sys.maxsize)
    started = process_time()
    try:
        if whole_file:
            parse_system(FILE.replace("{}", first) + second, "fuzz")
        else:
            from_equations({"x": first, "y''": second}, {"k": 0.3}, inputs=["u"])
    except FieldError as error:
        assert str(error)
    spent = process_time() - started
    assert spent < SECONDS, f"took {spent:.1f} s"


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
