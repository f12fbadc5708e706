"""Equations as text: what is read, what is refused and how the refusal reads; TOML systems likewise."""

import re
import subprocess
import sys
from textwrap import dedent

import numpy as np
import pytest
import sympy as sp

from vanillaflow import Box, FieldError, from_equations, load_system
from vanillaflow.fields.equations.parser import MAX_DEPTH, MAX_LENGTH, parse_expression

X, Y = sp.symbols("x y", real=True)


def read(text):
    return parse_expression(text, {"x": X, "y": Y, "k": sp.Float(0.2), "n": sp.Integer(3)}, "equation x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", X),
        ("-x + +y", Y - X),
        ("1/3*x", X / 3),
        ("x - y - 1", X - Y - 1),
        ("x/y/2", X / Y / 2),
        ("2*x**2", 2 * X**2),
        ("-x**2", -(X**2)),
        ("x**-1", 1 / X),
        ("x**0.5 + sqrt(x)", 2 * sp.sqrt(X)),
        ("x**2.0", X**2),
        ("x**n", X**3),
        ("x**(n - 1)", X**2),
        ("k*x", sp.Float(0.2) * X),
        ("1e-3*x", sp.Float(0.001) * X),
        ("  sin( x )\n  + 1 ", sp.sin(X) + 1),
        ("(x +\n y)", X + Y),
        ("exp(x)*exp(-x)", sp.Integer(1)),
        ("arctan(x) - atan(x)", sp.Integer(0)),
        ("abs(-x)", sp.Abs(X)),
        ("log(1)*x", sp.Integer(0)),
        ("1_000*x", 1000 * X),
    ],
)
def test_what_is_read(text, expected):
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("pi", np.pi),
        ("e", np.e),
        ("sin(1) + cos(1)", np.sin(1) + np.cos(1)),
        ("tanh(0.5)*sinh(1)/cosh(2)", np.tanh(0.5) * np.sinh(1) / np.cosh(2)),
        ("sigmoid(1)", 1 / (1 + np.exp(-1))),
        ("softplus(1) + relu(-2) + abs(-3)", np.log1p(np.e) + 3),
        ("2**0.5", np.sqrt(2)),
        ("exp(log(3))", 3),
    ],
)
def test_constants_become_numbers(text, value):
    found = read(text)
    assert found.is_Number
    assert float(found) == pytest.approx(value, rel=1e-15)


BAD_TEXT = [
    # (text, message, column of the caret)
    ("", "equation x: the text is empty", None),
    (" \n ", "the text is empty", None),
    ("x + yy", "unknown name 'yy'; did you mean 'y'?", 5),
    ("x + q", "unknown name 'q'; known are x, y, k, n", 5),
    ("sine(x)", "unknown function 'sine'; did you mean 'sin'?", 1),
    ("2 + ln(x)", "unknown function 'ln'; did you mean 'log'?", 5),
    ("__import__('os')", "unknown function '__import__'; known are sin, cos", 1),
    ("eval('x')", "unknown function 'eval'", 1),
    ("print(x)", "unknown function 'print'", 1),
    ("os.system('x')", "attribute is not supported; supported are numbers, names, + - * / **", 1),
    ("x.__class__", "attribute is not supported", 1),
    ("np.sin(x)", "attributes are not supported; write sin(...)", 1),
    ("(lambda: x)()", "lambda is not supported", 2),
    ("lambda: x", "lambda is not supported", 1),
    ("x[0]", "subscript is not supported", 1),
    ("'x'", "str values are not numbers", 1),
    ("b'x'", "bytes values are not numbers", 1),
    ("f'{x}'", "an f-string is not supported", 1),
    ("[x for x in y]", "a comprehension is not supported", 1),
    ("(x for x in y)", "a comprehension is not supported", 1),
    ("{x: y}", "dict is not supported", 1),
    ("{x}", "set is not supported", 1),
    ("x, y", "tuple is not supported", 1),
    ("[x]", "list is not supported", 1),
    ("x if y else 1", "if-else is not supported", 1),
    ("x > y", "a comparison is not supported", 1),
    ("x and y", "and/or is not supported", 1),
    ("not x", "not is not supported", 1),
    ("~x", "invert is not supported", 1),
    ("(x := y)", "an assignment is not supported", 2),
    ("await x", "await is not supported", 1),
    ("x // 2", "the operator // is not supported", 1),
    ("x % 2", "the operator % is not supported", 1),
    ("sin(*x)", "a starred argument is not supported", 5),
    ("True", "bool values are not numbers", 1),
    ("None", "NoneType values are not numbers", 1),
    ("...", "ellipsis values are not numbers", 1),
    ("1j*x", "complex values are not numbers", 1),
    ("x^2", "powers are written **, as in x**2", 2),
    ("x # y", "'#' is not part of an expression", 3),
    ("x \\ y", "is not part of an expression", 3),
    ("2x", "an operator is missing here; write products with *, as in 2*x", None),
    ("sin(x y)", "an operator is missing here", None),
    ("x y", "this is not an expression (invalid syntax); products are written with *", 3),
    ("sin(x", "'(' was never closed", 4),
    ("x)", "unmatched ')'", 2),
    ("x +", "this is not an expression", None),
    ("x = y", "only the right-hand side is written, without '='", 3),
    ("x; y", "this is not an expression", None),
    ("import os", "this is not an expression", None),
    ("sin", "sin is a function; write sin(...)", 1),
    ("sin()", "sin takes exactly one argument, as in sin(x)", 1),
    ("sin(x, y)", "sin takes exactly one argument", 1),
    ("sin(x=1)", "sin takes exactly one argument", 1),
    ("x(y + 1)", "x is not a function; write x*(...) to multiply", 1),
    ("y + 2*s", "unknown name 's'", 7),
    ("x**y", "an exponent must be a number; write exp(y*log(x)) for x**y", 4),
    ("2**x", "an exponent must be a number", 4),
    ("x**65", "the exponent is too large; at most 64", 4),
    ("9**9**9", "the exponent is too large; at most 64", 4),
    ("9**9**9**9**9", "the exponent is too large; at most 64", None),
    ("(x**64)**2", "the exponent 128 is too large", 1),
    ("((2*x)**64)**64", "keep numbers between 1e-308 and 1e308", 1),
    ("(1e-300*x)**4", "keep numbers between 1e-308 and 1e308", 1),
    ("1e999*x", "this number is too large", 1),
    ("9" * 400, "this number is too large", 1),
    ("9" * 5000, "this number has too many digits", 1),
    ("1e308 + 1e308 + x", "has no finite real value", None),
    ("1e308*10*x", "keep numbers between", 1),
    ("1/0", "this divides by zero", 3),
    ("x/(y - y)", "this divides by zero", 4),
    ("(y - y)**-1", "this divides by zero", 1),
    ("log(0)", "this is not a finite real number", 1),
    ("sqrt(-1)", "this is not a finite real number", 1),
    ("(-8)**0.5", "this is not a finite real number", 1),
    ("exp(1000)", "this is not a finite real number", 1),
    ("sqrt(-exp(x))", "has no finite real value", None),
    ("x\0", "this is not an expression", None),
    ("\ud800", "cannot be read as an expression", None),
]


@pytest.mark.parametrize(("text", "message", "column"), BAD_TEXT, ids=lambda v: repr(v)[:24])
def test_what_is_refused_and_where(text, message, column):
    with pytest.raises(FieldError, match=re.escape(message)) as error:
        read(text)
    lines = str(error.value).splitlines()
    assert lines[0].startswith("equation x")
    if column is not None:
        assert f"column {column}:" in lines[0]
        assert lines[2].index("^") == 4 + column - 1  # the text is indented by four
        assert lines[1].strip()


def test_the_caret_counts_characters_not_bytes():
    with pytest.raises(FieldError, match="unknown name 'ω'") as error:
        parse_expression("θ + θ + ω", {"θ": X}, "equation θ")
    assert str(error.value).splitlines()[1:] == ["    θ + θ + ω", "            ^"]


def test_long_texts_are_shown_around_the_place():
    text = " + ".join(["x"] * 100 + ["oops"] + ["x"] * 100)
    with pytest.raises(FieldError, match="unknown name 'oops'") as error:
        read(text)
    _, excerpt, carets = str(error.value).splitlines()
    assert excerpt.startswith("    ...") and excerpt.endswith("...") and len(excerpt) < 120
    assert excerpt[carets.index("^") : carets.rindex("^") + 1] == "oops"


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10**6,
        "(" * 10**6,
        "(" * 4000 + "x" + ")" * 4000,
        "-" * (MAX_LENGTH - 1) + "x",
        "sin(" * 500 + "x" + ")" * 500,
        "[" * 3000,
        "x" + "**2" * 3000,
        "+".join("x" * 4999),
        "*".join("x" * 4999),
        "*".join(f"(x+{i}*y)" for i in range(900)),
        "*".join(f"(sin(x)+{i}*y)" for i in range(60)),
        "(" * 19 + "x+y" + "**2+1)" * 19,
        "(" * 30 + "2*x" + ")**64" * 30,
        "((((((9**64)**64)**64)**64)**64)**64)*x",
        "x.a" + ".a" * 3000,
        "x if x else " * 800 + "x",
        "lambda: " * 1000 + "x",
        "\0" * 5000,
    ],
    ids=lambda text: text[:12] + "...",
)
def test_hostile_text_is_refused(text):
    # That this returns at all is the point: the limits bound the work before SymPy sees large objects.
    with pytest.raises(FieldError):
        from_equations({"x": text, "y": "x"}, exact=True)


def test_limits_do_not_stand_in_the_way():
    n = 300
    field = from_equations(
        {"x": " + ".join(f"sin({i}*x)" for i in range(1, n + 1)), "y": "+".join(["y"] * n)}
    )
    assert field.ridges == n and field.A[1, 1] == n
    depth = MAX_DEPTH // 2 - 1
    nested = from_equations({"x": "(1 + " * depth + "x" + ")" * depth})
    assert nested.c[0] == depth
    assert from_equations({"x": "sin(" * 30 + "x" + ")" * 30}).ridges == 1


def test_from_equations_is_the_field_it_says():
    field = from_equations(
        {"theta": "omega", "omega": "-sin(theta) - damping*omega"},
        parameters={"damping": 0.2},
        domain=Box([-2, -2], [2, 2]),
    )
    x = np.array([[0.3, -0.7], [1.0, 2.0]])
    expected = np.stack([x[:, 1], -np.sin(x[:, 0]) - 0.2 * x[:, 1]], axis=1)
    np.testing.assert_allclose(field(0.0, x), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("equations", "parameters", "message"),
    [
        ({}, None, "equations must be a non-empty mapping"),
        (["x"], None, "equations must be a non-empty mapping"),
        ({"x": 3}, None, "equation x: expected text such as .x - y., got int"),
        ({"x": None}, None, "equation x: expected text .* got NoneType"),
        ({"2x": "1"}, None, "variable name '2x' is not a name"),
        ({"x y": "1"}, None, "variable name 'x y' is not a name"),
        ({"": "1"}, None, "variable name '' is not a name"),
        ({3: "1"}, None, "variable name 3 is not a name"),
        ({"lambda": "1"}, None, "'lambda' is a word of the language"),
        ({"sin": "1"}, None, "variable name 'sin' is taken by the function"),
        ({"e": "1"}, None, "variable name 'e' is taken by the constant"),
        ({"x": "1"}, {"x": 1}, "'x' is both a variable and a parameter"),
        ({"x": "1"}, {"pi": 3}, "parameter name 'pi' is taken"),
        ({"x": "1"}, {"k": "3"}, "parameter k must be a number, got '3'"),
        ({"x": "1"}, {"k": True}, "parameter k must be a number, got True"),
        ({"x": "1"}, {"k": float("nan")}, "parameter k must be finite, got nan"),
        ({"x": "1"}, {"k": 10**400}, "parameter k must be finite"),
        ({"x": "1"}, [1], "parameters must be a mapping"),
        ({f"x{i}": "1" for i in range(257)}, None, "257 equations were given; at most 256"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_bad_arguments_of_from_equations(equations, parameters, message):
    with pytest.raises(FieldError, match=message):
        from_equations(equations, parameters)


def test_from_equations_checks_the_box():
    with pytest.raises(FieldError, match="1 equations need a box of dimension 1, got 2"):
        from_equations({"x": "1"}, domain=Box([0, 0], [1, 1]))


PENDULUM = """
    name = "damped pendulum"
    [parameters]
    damping = 0.2
    [equations]
    theta = "omega"
    omega = "-sin(theta) - damping*omega"
    [domain]
    theta = [-2, 2]
    omega = [-2, 3]
    [flow]
    duration = 1.5
"""


@pytest.fixture
def toml(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / "system.toml"
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return path

    return write


def test_load_system(toml):
    system = load_system(toml(PENDULUM))
    assert system.name == "damped pendulum"
    assert system.domain == Box([-2, -2], [2, 3])
    assert system.duration == 1.5
    assert system.variables == ("theta", "omega")
    assert system.equations == ("theta' = omega", "omega' = -sin(theta) - damping*omega")
    assert system.field.ridges == 1
    assert load_system(str(toml(PENDULUM))).name == system.name


def test_the_domain_may_come_in_any_order(toml):
    swapped = PENDULUM.replace("theta = [-2, 2]\n    omega = [-2, 3]", "omega = [-2, 3]\n    theta = [-2, 2]")
    assert load_system(toml(swapped)).domain == Box([-2, -2], [2, 3])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "damped pendulum"', "", "the file lacks the key 'name'; it is the name of the system"),
        ('name = "damped pendulum"', "name = 3", "name must be non-empty text, got 3"),
        ('name = "damped pendulum"', 'name = " "', "name must be non-empty text"),
        ('name = "damped', 'title = "a"\nname = "damped', "unknown key 'title'; known are name, equations"),
        ("[parameters]", "[parameter]", "unknown key 'parameter'; did you mean 'parameters'?"),
        ("damping = 0.2", 'damping = "0.2"', "parameter damping must be a number, got '0.2'"),
        ("damping = 0.2", "damping = nan", "parameter damping must be finite, got nan"),
        ("damping = 0.2", "", "equation omega, column 15: unknown name 'damping'"),
        ("-sin(theta)", "-sine(theta)", "unknown function 'sine'; did you mean 'sin'?"),
        ('theta = "omega"', "theta = 3", "equation theta: expected text"),
        ("theta = [-2, 2]", "", "[domain] lacks the key 'theta'"),
        ("theta = [-2, 2]", "thet = [-2, 2]", "[domain] has an unknown key 'thet'; did you mean 'theta'?"),
        ("theta = [-2, 2]", "theta = [2, -2]", "[domain] theta: low 2 must be below high -2"),
        ("theta = [-2, 2]", "theta = [1, 1]", "[domain] theta: low 1 must be below high 1"),
        ("theta = [-2, 2]", "theta = [-2]", "[domain] theta must be [low, high], got [-2]"),
        ("theta = [-2, 2]", "theta = 2", "[domain] theta must be [low, high], got 2"),
        ("theta = [-2, 2]", "theta = [-2, inf]", "[domain] theta must be finite, got inf"),
        ("theta = [-2, 2]", "theta = [nan, 2]", "[domain] theta must be finite, got nan"),
        ("theta = [-2, 2]", 'theta = ["-2", 2]', "[domain] theta must be a number, got '-2'"),
        ("theta = [-2, 2]", "theta = [true, 2]", "[domain] theta must be a number, got True"),
        ("duration = 1.5", "", "[flow] lacks the key 'duration'"),
        ("duration = 1.5", "duration = 0", "[flow] duration must be positive, got 0"),
        ("duration = 1.5", "duration = -1", "[flow] duration must be positive, got -1"),
        ("duration = 1.5", "duration = inf", "[flow] duration must be finite, got inf"),
        ("duration = 1.5", 'duration = "1"', "[flow] duration must be a number, got '1'"),
        (
            "duration = 1.5",
            "durations = 1.5",
            "[flow] has an unknown key 'durations'; did you mean",
        ),
        ("[flow]\n    duration = 1.5", "", "the file lacks the key 'flow'; it is a table with the duration"),
        ("[equations]", "[equation]", "unknown key 'equation'; did you mean 'equations'?"),
        ("[domain]", "domain = ", "not valid TOML"),
        ("[domain]", "[equations]", "not valid TOML"),
        ('"omega"', '"omega', "not valid TOML"),
    ],
)
def test_bad_systems_are_refused_with_file_and_key(toml, old, new, message):
    assert old in PENDULUM
    path = toml(PENDULUM.replace(old, new, 1))
    with pytest.raises(FieldError, match=re.escape(message)) as error:
        load_system(path)
    assert str(error.value).startswith(f"{path}: ")


def test_tables_of_the_wrong_kind(toml):
    with pytest.raises(FieldError, match=r"equations must be a table with one line per variable, got 'x'"):
        load_system(toml('name = "a"\nequations = "x"\ndomain = 3\nflow = 1'))
    with pytest.raises(FieldError, match=r"\[equations\] is empty"):
        load_system(toml('name = "a"\n[equations]\n[domain]\n[flow]\nduration = 1'))


def test_bad_files_are_refused(toml, tmp_path):
    with pytest.raises(FieldError, match=r"absent\.toml: there is no such file"):
        load_system(tmp_path / "absent.toml")
    with pytest.raises(FieldError, match="there is no such file"):
        load_system(tmp_path)
    with pytest.raises(FieldError, match=r"not UTF-8 text \(byte 1\)"):
        load_system(toml(b"a\xff\xfe"))
    with pytest.raises(FieldError, match="the file is larger than 1 MB"):
        load_system(toml(b"#" * 1_000_001))
    with pytest.raises(FieldError, match="the file lacks the key 'name'"):
        load_system(toml(""))
    with pytest.raises(FieldError, match="not valid TOML"):
        load_system(toml("a = " + "[" * 100_000))
    with pytest.raises(FieldError, match=r"there is no such file|cannot be read"):
        load_system("nul\0byte.toml")


def test_import_does_not_pull_in_sympy():
    code = (
        "import sys, vanillaflow as vf; vf.RidgeField, vf.FlowMap, vf.zoo; assert 'sympy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
