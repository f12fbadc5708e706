"""VNN-LIB: properties read back to the bit, formulas as they are written, and everything else refused."""

from functools import reduce
from operator import mul

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vanillaflow as vf
from vanillaflow.box import Box
from vanillaflow.verification.properties import Property, UnsafeSet
from vanillaflow.verification.vnnlib import read_vnnlib, write_vnnlib

HEAD = "(declare-const X_0 Real)\n(declare-const Y_0 Real)\n(declare-const Y_1 Real)\n"
BOUNDS = "(assert (>= X_0 0))(assert (<= X_0 1))\n"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("vnnlib") / "prop.vnnlib"


def read(path, text: str | bytes) -> Property:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_vnnlib(path)


def same(left: Property, right: Property) -> bool:
    """Equal to the bit, in the same order."""
    return len(left.unsafe) == len(right.unsafe) and all(
        a.A.shape == b.A.shape
        and [v.tobytes() for v in (a.box.low, a.box.high, a.A, a.b)]
        == [v.tobytes() for v in (b.box.low, b.box.high, b.A, b.b)]
        for a, b in zip(left.unsafe, right.unsafe)
    )


FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, -1.0])


@st.composite
def boxes(draw, inputs):
    ends = [sorted(draw(st.lists(FLOATS, min_size=2, max_size=2, unique=True))) for _ in range(inputs)]
    return Box(*zip(*ends))


@st.composite
def properties(draw):
    inputs, outputs = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shared = draw(st.none() | boxes(inputs))
    unsafe = []
    for _ in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(1, 3))
        A = draw(st.lists(FLOATS, min_size=rows * outputs, max_size=rows * outputs))
        b = draw(st.lists(FLOATS, min_size=rows, max_size=rows))
        box = draw(boxes(inputs)) if shared is None else shared
        unsafe.append(UnsafeSet(box, np.reshape(A, (rows, outputs)), b))
    return Property(unsafe, draw(st.text()))


@settings(max_examples=150, deadline=None)
@given(properties())
def test_round_trip(path, prop):
    write_vnnlib(prop, path)
    assert same(read_vnnlib(path), prop)
    head = path.read_text(encoding="ascii").split("\n")[0]
    assert head.startswith(";") and head.isprintable()


# Formulas as trees: ("and", f, ..), ("or", f, ..) and (comparison, term, term); terms are names, numbers,
# and ("+", t, ..), ("-", t, ..), ("*", t, ..). Lower bounds of inputs are whole and upper ones are not, so
# that none leaves a single value.
LOWER = st.tuples(st.just(">="), st.sampled_from(["X_0", "X_1"]), st.integers(-2, 2).map(float))
UPPER = st.tuples(st.just("<"), st.sampled_from(["X_0", "X_1"]), st.integers(-2, 2).map(lambda k: k + 0.5))
SCALED = st.tuples(st.just("<="), st.just(("*", -2.0, "X_0")), st.integers(-2, 2).map(lambda k: 2.0 * k))
ATOM = st.sampled_from(["Y_0", "Y_1", 0.5, -2.0, 3.0])
TERM = st.recursive(
    ATOM,
    lambda t: st.one_of(
        st.tuples(st.sampled_from("+-"), t),
        st.tuples(st.sampled_from("+-"), t, t),
        st.tuples(st.sampled_from("+-"), t, t, t),
        st.tuples(st.just("*"), st.sampled_from([2.0, -0.5]), t),
        st.tuples(st.just("*"), t, st.just(-1.0), st.just(0.5)),
    ),
    max_leaves=4,
)
OUTPUT = st.tuples(st.sampled_from(["<=", ">=", "<", ">"]), TERM, TERM)
FORMULA = st.recursive(
    LOWER | UPPER | SCALED | OUTPUT,
    lambda f: st.builds(
        lambda op, fs: (op, *fs), st.sampled_from(["and", "or"]), st.lists(f, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
ARITHMETIC = {
    "+": lambda terms: sum(terms),
    "-": lambda terms: terms[0] - sum(terms[1:]) if len(terms) > 1 else -terms[0],
    "*": lambda terms: reduce(mul, terms),
}


def written(tree) -> str:
    return f"({' '.join(map(written, tree))})" if isinstance(tree, tuple) else str(tree)


def value(tree, point: dict[str, float]):
    """The formula at the point, with < and > as their closures. Exact: all numbers are small and dyadic."""
    if not isinstance(tree, tuple):
        return point.get(tree, tree)
    operator, *arguments = tree
    values = [value(each, point) for each in arguments]
    if operator in ARITHMETIC:
        return ARITHMETIC[operator](values)
    if operator in ("and", "or"):
        return all(values) if operator == "and" else any(values)
    return values[0] <= values[1] if operator in ("<=", "<") else values[0] >= values[1]


@settings(max_examples=200, deadline=None)
@given(st.lists(FORMULA, min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_the_sets_are_where_the_formula_is_true(path, formulas, seed):
    formulas = [
        *(bound for x in ("X_0", "X_1") for bound in ((">=", x, -3.0), ("<=", x, 3.5))),
        ("<=", "Y_0", 100.0),  # Something about the outputs, in every alternative.
        *formulas,
    ]
    declared = "".join(f"(declare-const {v}_{i} Real)\n" for v in "XY" for i in range(2))
    text = declared + "\n".join(f"(assert {written(each)})" for each in formulas)
    x, y = np.random.default_rng(seed).integers(-8, 9, (2, 300, 2)) / 2
    points = [{"X_0": a, "X_1": b, "Y_0": c, "Y_1": d} for (a, b), (c, d) in zip(x, y)]
    expected = [all(value(each, point) for each in formulas) for point in points]
    try:
        found = read(path, text).violated_by(x, y).tolist()
    except vf.FileFormatError as error:
        assert "contradict each other" in str(error)
        found = [False] * len(points)
    assert found == expected


ACAS_XU_2 = """
; ACAS Xu property 2

{declarations}
; Unscaled Input 0: (55947.691, 60760)
(assert (<= X_0 0.679857769))
(assert (>= X_0 0.6))

; Unscaled Input 1: (-3.141592653589793, 3.141592653589793)
(assert (<= X_1 0.5))
(assert (>= X_1 -0.5))
(assert (<= X_2 0.5))
(assert (>= X_2 -0.5))
(assert (<= X_3 0.5))
(assert (>= X_3 0.45))
(assert (<= X_4 -0.45))
(assert (>= X_4 -0.5))

; unsafe if COC is maximal
(assert (<= Y_1 Y_0))
(assert (<= Y_2 Y_0))
(assert (<= Y_3 Y_0))
(assert (<= Y_4 Y_0))
""".format(declarations="\n".join(f"(declare-const {v}_{i} Real)" for v in "XY" for i in range(5)))


def test_acas_xu(path):
    prop = read(path, ACAS_XU_2.replace("\n", "\r\n"))
    assert (prop.name, prop.inputs, prop.outputs, len(prop.unsafe)) == ("prop", 5, 5, 1)
    unsafe = prop.unsafe[0]
    assert unsafe.box == Box([0.6, -0.5, -0.5, 0.45, -0.5], [0.679857769, 0.5, 0.5, 0.5, -0.45])
    assert np.array_equal(unsafe.A, np.hstack([-np.ones((4, 1)), np.eye(4)]))
    assert np.array_equal(unsafe.b, np.zeros(4))


def test_a_disjunction_of_outputs(path):
    """As in ACAS Xu property 7: strong left is minimal, or strong right is."""
    text = ACAS_XU_2[: ACAS_XU_2.index("; unsafe")] + (
        "(assert (or\n    (and (<= Y_3 Y_0) (<= Y_3 Y_1) (<= Y_3 Y_2))\n"
        "    (and (<= Y_4 Y_0) (<= Y_4 Y_1) (<= Y_4 Y_2))\n))\n"
    )
    prop = read(path, text)
    assert [each.A[:, 3:].tolist() for each in prop.unsafe] == [[[1, 0]] * 3, [[0, 1]] * 3]
    assert prop.unsafe[0].box == prop.unsafe[1].box


def test_a_disjunction_of_input_boxes(path):
    text = (
        HEAD + "(assert (or (and (>= X_0 0) (<= X_0 1) (<= Y_0 0)) (and (>= X_0 2) (<= X_0 3) (>= Y_1 5))))"
    )
    prop = read(path, text)
    assert [each.box for each in prop.unsafe] == [Box([0.0], [1.0]), Box([2.0], [3.0])]
    assert [each.A.tolist() for each in prop.unsafe] == [[[1, 0]], [[0, -1]]]
    assert [each.b.tolist() for each in prop.unsafe] == [[0], [-5]]


def test_an_alternative_without_starts_is_left_out(path):
    text = HEAD + BOUNDS + "(assert (or (and (<= X_0 -1) (<= Y_0 0)) (<= Y_1 0) (and (<= 1 0) (<= Y_0 0))))"
    assert [each.A.tolist() for each in read(path, text).unsafe] == [[[0, 1]]]


def test_what_is_written(path):
    """The plain form of the public benchmarks, which parsers of regular expressions read line by line."""
    box = Box([0.0, -1.0], [1e-7, 2.5])
    sets = [
        UnsafeSet(box, [[1, 0], [0, -1], [1, -1]], [1.5, 2, 0]),
        UnsafeSet(box, [[1, -1], [0, 0.1]], [1, 0]),
    ]
    head = "; two\n\n" + "".join(f"(declare-const {v}_{i} Real)\n" for v in "XY" for i in range(2))
    bounds = "".join(
        f"(assert {c})\n" for c in ("(>= X_0 0.0)", "(<= X_0 1e-07)", "(>= X_1 -1.0)", "(<= X_1 2.5)")
    )
    write_vnnlib(Property(sets[:1], "two\n(assert"), path)
    rows = "(assert (<= Y_0 1.5))\n(assert (>= Y_1 -2.0))\n(assert (<= Y_0 Y_1))\n"
    assert path.read_text() == (head + "\n" + bounds + rows).replace("; two", "; two (assert")
    write_vnnlib(Property(sets, "two"), path)
    rows = "(assert (or\n    (and (<= Y_0 1.5) (>= Y_1 -2.0) (<= Y_0 Y_1))\n"
    rows += "    (and (<= (+ Y_0 (- Y_1)) 1.0) (<= (* 0.1 Y_1) 0.0))\n))\n"
    assert path.read_text() == head + "\n" + bounds + rows
    other = UnsafeSet(Box([5.0, 5.0], [6.0, 6.0]), [[1, 0]], [0])
    write_vnnlib(Property([sets[0], other], "two"), path)
    assert "(assert (>=" not in path.read_text()
    assert "    (and (>= X_0 5.0) (<= X_0 6.0) (>= X_1 5.0) (<= X_1 6.0) (<= Y_0 0.0))\n" in path.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it declares 0 inputs, but X_0 is not among them"),
        ("(declare-const X_0 Real)", "it declares 0 outputs, but Y_0 is not among them"),
        ("(declare-const X_0 Real)\n(declare-const X_2 Real)", "declares 2 inputs, but X_1 is not among"),
        ("(declare-const X_99999999 Real)", "declares 1 inputs, but X_0 is not among them"),
        ("(declare-const X_999999999 Real)", "line 1: a variable is called X_0.*not 'X_999999999'"),
        ("(declare-const X_00 Real)", "line 1: a variable is called X_0, .*, not 'X_00'"),
        ("(declare-const x Real)", "line 1: a variable is called X_0, .*, not 'x'"),
        ("(declare-const X_0 Int)", r"line 1: a declaration must be of the form \(declare-const X_0 Real\)"),
        ("(declare-const (X_0) Real)", "line 1: a list must start with an operator|unknown operator 'X_0'"),
        (HEAD + "(declare-const X_0 Real)", "line 4: X_0 is declared a second time"),
        (HEAD + BOUNDS, "an alternative has no constraint of the outputs"),
        (HEAD + "(assert (<= Y_0 0))", "X_0 needs a lower bound; every input must be bounded"),
        (HEAD + "(assert (<= Y_0 0))(assert (>= X_0 0))", "X_0 needs an upper bound"),
        (HEAD + "(assert (<= Y_0 0))(assert (>= X_0 0.5))(assert (<= X_0 0.5))", "X_0 has the one value 0.5"),
        (HEAD + BOUNDS + "(assert (<= X_0 -1))(assert (<= Y_0 0))", "its assertions contradict each other"),
        (HEAD + "(assert (<= Y_2 0))", "line 4: Y_2 is not declared"),
        (HEAD + "(assert\n(<= X_0\n Y_1))", "line 5: a constraint of inputs and outputs, X_0 and Y_1"),
        (
            HEAD + "(declare-const X_1 Real)(assert (<= X_0 X_1))",
            "a constraint of several inputs, X_0 and X_1",
        ),
        (HEAD + "(assert (<= X_0 X_0))", "line 4: X_0 has the factor zero in this constraint"),
        (HEAD + "(assert (<= (* Y_0 Y_1) 0))", "line 4: a product of variables is not linear"),
        (HEAD + "(assert (<= Y_0 nan))", "line 4: 'nan' is neither a number nor a variable"),
        (HEAD + "(assert (<= Y_0 -inf))", "line 4: '-inf' is neither"),
        (HEAD + "(assert (<= Y_0 1_0))", "line 4: '1_0' is neither"),
        (HEAD + "(assert (<= Y_0 ٣))", "line 4: '٣' is neither"),
        (HEAD + "(assert (<= Y_0 1e999))", "line 4: a number is too large"),
        (HEAD + f"(assert (<= Y_0 {'9' * 100_000}))", "line 4: a number is too large"),
        (HEAD + "(assert (<= Y_0 (* 1e200 1e200)))", "line 4: a number is too large"),
        (HEAD + "(assert (<= Y_0 (* 1e200 1e200 0)))", "line 4: a number is too large"),
        (HEAD + "(assert (<= (* 1e-9 X_0) 1e300))", "line 4: a number is too large"),
        (HEAD + "(assert (<= Y_0 (+ 1e308 1e308)))", "line 4: a number is too large"),
        (HEAD + "(assert (<= Y_0 0 1))", "line 4: <= compares two terms, here are 3"),
        (HEAD + "(assert (<= Y_0))", "line 4: <= compares two terms, here are 1"),
        (HEAD + "(assert (= Y_0 0))", "line 4: unknown operator '='; known are <=, >=, <, >, and, or"),
        (HEAD + "(assert (not (<= Y_0 0)))", "line 4: unknown operator 'not'"),
        (HEAD + "(assert (and))", "line 4: and takes comparisons"),
        (HEAD + "(assert (or Y_0))", "line 4: or takes comparisons"),
        (HEAD + "(assert (<= Y_0 (+)))", r"line 4: \+ takes one term at least"),
        (
            HEAD + "(assert (<= (<= Y_0 0) 0))",
            "line 4: expected a number, a variable or a sum, found a compar",
        ),
        (HEAD + "(assert Y_0)", "line 4: assert takes one comparison"),
        (HEAD + "(assert (+ Y_0))", "line 4: assert takes one comparison"),
        (HEAD + "(assert)", "line 4: assert takes one comparison"),
        (HEAD + "(assert (<= Y_0 0) (<= Y_1 0))", "line 4: assert takes one comparison"),
        (HEAD + "(assert (()))", "line 4: a list must start with an operator"),
        (HEAD + "()", r"line 4: expected \(declare-const ...\) or \(assert ...\)"),
        (HEAD + "(check-sat)", "has only declare-const and assert, not 'check-sat'"),
        ("(vnnlib-version <2.0>)", "a VNN-LIB 1.0 file has only .*, not 'vnnlib-version'"),
        (HEAD + "assert", r"line 4: expected \(declare-const ...\) or \(assert ...\), found 'assert'"),
        (HEAD + BOUNDS + ")", r"line 5: expected .*, found '\)'"),
        (HEAD + BOUNDS + "(assert (<= Y_0\n 0)", "line 5: the parenthesis that opens here is never closed"),
        ("(" * 100_000, "line 1: parentheses are nested more than 100 deep"),
        (HEAD + "(assert " + "(and " * 5000 + "(<= Y_0 0)" + ")" * 5001, "nested more than 100 deep"),
        (HEAD + BOUNDS + "(assert (or (<= Y_0 0) (<= Y_1 0)))\n" * 14, "more than 10000 alternatives"),
        (HEAD + "(assert (and" + "(or (<= Y_0 0) (<= Y_1 0))" * 14 + "))", "more than 10000 alternatives"),
        (HEAD + "(assert (or" + "(<= Y_0 0)" * 10_001 + "))", "more than 10000 alternatives"),
        (HEAD + "(assert \x1b[31m)", r"line 4: assert takes one comparison"),
        (HEAD + "\x00\x1b[31m", r"found '\\\\x00\\\\x1b\[31m'"),
        (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "it is not a text in UTF-8"),
        (b"PK\x03\x04" + bytes(30), "line 1: expected"),
    ],
)
def test_refusals(path, text, said):
    with pytest.raises(vf.FileFormatError, match=rf"^cannot read '.*prop\.vnnlib': .*({said})") as refusal:
        read(path, text)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 400


def test_what_is_multiplied_out_is_limited_before_it_is():
    """Thousands of small formulas of thousands of alternatives each, in one more that is not reached."""
    from vanillaflow.verification.formulas import parse_assertions

    many = "(and " + "(or (<= Y_0 0) (<= Y_1 0))" * 13 + ")"
    with pytest.raises(vf.FileFormatError, match="more than 10000000 constraints or numbers"):
        parse_assertions(HEAD + "(assert (and " + f"(and {many})" * 1000 + "))")
    outputs = "".join(f"(declare-const Y_{j} Real)" for j in range(2, 4000))
    with pytest.raises(vf.FileFormatError, match="more than 10000000 constraints or numbers"):
        parse_assertions(HEAD + outputs + BOUNDS + "(assert (<= Y_0 0))" * 3000)


@given(st.integers(0, len(ACAS_XU_2) - 1))
def test_a_truncated_file_is_refused_or_has_fewer_assertions(path, length):
    whole = ACAS_XU_2.rstrip()
    try:
        prop = read(path, whole[:length])
    except vf.FileFormatError:
        return
    # Whole assertions are left: nothing in the format says how many there are.
    assert whole[:length].rstrip().endswith(")") and len(prop.unsafe[0].A) <= 4


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text("()XY_01<=>andor+-*;. \nasertdclR", max_size=80).map(str.encode))
def test_any_other_content_is_refused_in_one_sentence(path, content):
    for start in (b"", (HEAD + BOUNDS).encode()):
        try:
            read(path, start + content)
        except vf.FileFormatError as error:
            assert "\n" not in str(error)


def test_files(tmp_path):
    prop = Property([UnsafeSet(Box([0.0], [1.0]), [[1.0]], [0.0])])
    with pytest.raises(vf.VanillaflowError, match=r"there is no file '.*absent'"):
        read_vnnlib(tmp_path / "absent")
    with pytest.raises(vf.OutputError, match="there is no directory"):
        write_vnnlib(prop, tmp_path / "absent" / "p.vnnlib")
    with open(tmp_path / "huge.vnnlib", "wb") as file:
        file.truncate(2**40)
    with pytest.raises(vf.FileFormatError, match="it has more than 8388608 bytes"):
        read_vnnlib(tmp_path / "huge.vnnlib")
    write_vnnlib(prop, str(tmp_path / "p.vnnlib"))
    assert read_vnnlib(str(tmp_path / "p.vnnlib")).name == "p"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["huge.vnnlib", "p.vnnlib"]
    assert same(read(tmp_path / "p.vnnlib", b"\xef\xbb\xbf" + (tmp_path / "p.vnnlib").read_bytes()), prop)
