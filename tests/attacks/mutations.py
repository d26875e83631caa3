"""What may happen to a file, as a strategy of hypothesis, so that what breaks a reader is made as small as it gets."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

import hypothesis.strategies as st

HEADER = 256
"""Bytes at the beginning, where formats say what follows: they are hit as often as all others together."""
MOST_CHANGES = 4
TOKEN = re.compile(rb'"[^"\n]*"|[\w.+-]+|[^\w\s]')
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 20, 1 << 28)
WORDS = (
    b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b"null", b"true", b"[]", b"{}", b'""', b"9" * 400, b"9" * 5000,
    b"1.5", b"\xff\xfe", b"\\ud800", b'"\\u0000"', b"\x1b[2J", b"[" * 3000, b'{"a":' * 3000, b"- " * 3000, b"\0",
    b"../../x", b"\xef\xbb\xbf", b"!!python/name:os.system ", b"\n", b"x" * 5000,
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, samples: Sequence[bytes], text: bool) -> bytes:
    """One of the samples after one to MOST_CHANGES changes."""
    data = draw(st.sampled_from(samples))
    kinds = [bits] * 4 + [field] * 4 + [cut, removed, repeated, spliced] + ([word] * 8 if text else [])
    for _ in range(draw(st.integers(1, MOST_CHANGES))):
        change = draw(st.sampled_from(kinds))
        data = spliced(draw, data, samples) if change is spliced else change(draw, data)
    return data


def bits(draw: st.DrawFn, data: bytes) -> bytes:
    """One bit is another."""
    if not data:
        return data
    at = min(place(draw, data), len(data) - 1)
    return data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :]


def field(draw: st.DrawFn, data: bytes) -> bytes:
    """Some bytes are a number at the edge of a type, in either order of bytes."""
    at, number = place(draw, data), draw(st.sampled_from(NUMBERS))
    width = draw(st.sampled_from([form for form in "BHI" if number >> 8 * struct.calcsize(form) == 0]))
    return overwritten(data, at, struct.pack(draw(st.sampled_from("<>")) + width, number))


def cut(draw: st.DrawFn, data: bytes) -> bytes:
    """The end is gone."""
    return data[: place(draw, data)]


def removed(draw: st.DrawFn, data: bytes) -> bytes:
    """A piece is gone, and what follows moves up."""
    at = place(draw, data)
    return data[:at] + data[at + draw(st.integers(1, 64)) :]


def repeated(draw: st.DrawFn, data: bytes) -> bytes:
    """A piece is there again, elsewhere."""
    at, to = place(draw, data), place(draw, data)
    return data[:to] + data[at : at + draw(st.integers(1, 64))] + data[to:]


def spliced(draw: st.DrawFn, data: bytes, samples: Sequence[bytes]) -> bytes:
    """The beginning of this file and the end of another one."""
    other = draw(st.sampled_from(samples))
    return data[: place(draw, data)] + other[place(draw, other) :]


def word(draw: st.DrawFn, data: bytes) -> bytes:
    """A name, number or mark of a text is something else."""
    found = list(TOKEN.finditer(data))
    if not found:
        return data
    begin, end = draw(st.sampled_from(found)).span()
    return data[:begin] + draw(st.sampled_from(WORDS)) + data[end:]


def place(draw: st.DrawFn, data: bytes) -> int:
    return draw(st.one_of(st.integers(0, min(HEADER, len(data))), st.integers(0, len(data))))


def overwritten(data: bytes, at: int, piece: bytes) -> bytes:
    return data[:at] + piece + data[at + len(piece) :]
