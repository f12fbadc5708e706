"""Ways to damage a file: its bytes, the fields of a protocol buffer, the words and numbers of a text."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

Mutation = Callable[[bytes, bytes, np.random.Generator], bytes]
"""(content, another file of the same format, generator) -> the damaged content."""

# What programs that read numbers trip over.
_NUMBERS = [
    *("0", "-0", "1", "-1", "2", "255", "1e308", "-1e308", "1e400", "1e-320", "5e-324", "0.1", "3.5"),
    *("4294967296", "18446744073709551616", "9223372036854775807", "-9223372036854775809"),
    *("nan", "-nan", "inf", "-inf", "0x10", "1_000", "00", "1e", "null", "true", "[]", "{}", ""),
    *("9" * 400, "9" * 5000, "0x" + "f" * 4000),
]
_WORDS = [
    *("\0", "\ud7ff", "'", '"', "\\u0000", "\\ud800", "\u2028"),
    *("(" * 200, "[" * 3000, "{" * 500, "a" * 5000, "a." * 5000 + "a"),
]
_NUMBER = re.compile(rb"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_TOKEN = re.compile(rb"[A-Za-z_][\w.-]*|-?\d[\d.eE+-]*|[^\sA-Za-z_\d]")


def flip(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bits."""
    spoiled = bytearray(content)
    for _ in range(rng.integers(1, 9)):
        spoiled[rng.integers(len(spoiled))] ^= 1 << int(rng.integers(8))
    return bytes(spoiled)


def truncate(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content))]


def splice(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """The beginning of one and the end of the other."""
    return content[: rng.integers(len(content))] + other[rng.integers(len(other)) :]


def repeat(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    """A piece, several times over, left out, or in another place."""
    start, stop = np.sort(rng.integers(0, len(content) + 1, 2))
    at = rng.integers(len(content) + 1)
    rest = content[:start] + content[stop:] if rng.random() < 0.5 else content
    return rest[:at] + content[start:stop] * int(rng.integers(0, 4)) + rest[at:]


def overwrite(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    """1, 2, 4 or 8 bytes by zeros, ones, or a random or huge number: where lengths are, by other lengths."""
    size = int(rng.choice([1, 2, 4, 8]))
    at = rng.integers(max(len(content) - size, 1))
    new = rng.choice([bytes(size), b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), rng.bytes(size)])
    return content[:at] + bytes(new).ljust(size, b"\0")[:size] + content[at + size :]


def length(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    """The first eight bytes, which in a safetensors file are the length of its header."""
    (old,) = np.frombuffer(content[:8].ljust(8, b"\0"), "<u8")
    new = rng.choice(np.array([0, 1, 7, 2**31, 2**63, 2**64 - 1, len(content), int(old) % 2**63], np.uint64))
    new = int(new) + int(rng.integers(-2, 3))
    return (new % 2**64).to_bytes(8, "little") + content[8:]


def number(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    """A number of a text by one that is hard to read, or by a near one."""
    return _replaced(content, _NUMBER, rng, [each.encode() for each in _NUMBERS])


def word(content: bytes, _other: bytes, rng: np.random.Generator) -> bytes:
    """A token of a text by a string that is hard to read."""
    return _replaced(content, _TOKEN, rng, [each.encode() for each in _WORDS])


def tokens(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A token by one of the other file, several times."""
    known = _TOKEN.findall(other) or [b"x"]
    for _ in range(rng.integers(1, 4)):
        content = _replaced(content, _TOKEN, rng, known)
    return content


def lines(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A line left out, twice, elsewhere, or from the other file."""
    mine, theirs = content.split(b"\n"), other.split(b"\n")
    at, to = rng.integers(len(mine)), rng.integers(len(mine))
    line = mine[at] if rng.random() < 0.7 else theirs[rng.integers(len(theirs))]
    if rng.random() < 0.5:
        del mine[at]
    if rng.random() < 0.7:
        mine.insert(int(to), line)
    return b"\n".join(mine)


def _replaced(content: bytes, what: re.Pattern[bytes], rng: np.random.Generator, by: list[bytes]) -> bytes:
    places = list(what.finditer(content))
    if not places:
        return content
    place = places[rng.integers(len(places))]
    return content[: place.start()] + by[rng.integers(len(by))] + content[place.end() :]


# Protocol buffers, as they lie in the file: a field is its key, the number of its tag and its wire type, and
# a value, which may be a message itself.
_MAX_DEPTH = 6


def field(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """A field left out, twice, in another place, with another tag, number or length, at any depth."""
    return _field(content, other, rng, int(rng.integers(_MAX_DEPTH)))


def _field(content: bytes, other: bytes, rng: np.random.Generator, depth: int) -> bytes:
    fields = _fields(content)
    if not fields:
        return flip(content, other, rng) if content else rng.bytes(3)
    at = int(rng.integers(len(fields)))
    key, payload = fields[at]
    if key & 7 == 2 and depth > 0:
        fields[at] = key, _field(payload, other, rng, depth - 1)
        return _joined(fields)
    match rng.integers(7):
        case 0:
            del fields[at]
        case 1:
            fields.insert(int(rng.integers(len(fields) + 1)), fields[at])
        case 2:
            fields.insert(int(rng.integers(len(fields))), fields.pop(at))
        case 3:
            fields[at] = (int(rng.integers(1, 32)) << 3) | (key & 7), payload
        case 4:
            foreign = _fields(other) or fields
            fields.insert(at, foreign[rng.integers(len(foreign))])
        case 5:
            return _joined(fields[:at]) + _varint(key) + _varint(int(rng.integers(2**40))) + payload
        case _:
            fields[at] = key, _other_value(key & 7, payload, rng)
    return _joined(fields)


def _other_value(wire: int, payload: bytes, rng: np.random.Generator) -> bytes:
    if wire == 0:
        return _varint(int(rng.choice([0, 1, 2, 7, 16, 99, 2**31 - 1, 2**31, 2**40, 2**62])))
    if wire == 2 and payload:
        return rng.choice([b"", payload + payload, payload[:-1], b"\xff" + payload, b"../" + payload])
    return rng.bytes(len(payload))


def _fields(content: bytes) -> list[tuple[int, bytes]]:
    """(key, value without its length) of every field; nothing if it is no message."""
    fields, at = [], 0
    while at < len(content):
        key, at = _read_varint(content, at)
        size = {0: None, 1: 8, 5: 4}.get(key & 7, -1)
        start = at
        if size is None:
            _, at = _read_varint(content, at)
        elif key & 7 == 2:
            size, start = _read_varint(content, at)
            at = start + size
        elif size > 0:
            at += size
        if size == -1 or at > len(content) or key >> 3 == 0:
            return []
        fields.append((key, content[start:at]))
    return fields


def _joined(fields: list[tuple[int, bytes]]) -> bytes:
    return b"".join(
        _varint(key) + (_varint(len(payload)) if key & 7 == 2 else b"") + payload for key, payload in fields
    )


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(content):
            break
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    return 0, len(content) + 1


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


BYTES = {each.__name__: each for each in (flip, truncate, splice, repeat, overwrite)}
TEXT = BYTES | {each.__name__: each for each in (number, word, tokens, lines)}
PROTOBUF = BYTES | {"field": field, "two fields": lambda c, o, rng: field(field(c, o, rng), o, rng)}
SAFETENSORS = BYTES | {each.__name__: each for each in (length, number, word, tokens)}
