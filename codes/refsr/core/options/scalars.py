"""What an unquoted word of YAML means: the plain numbers that people expect, without YAML 1.1's surprises.

A word that other readers would take for a number or a truth value, but that is unclear, stays text and carries a
remark. The remark becomes part of the message if something other than text was needed there.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

_NULLS = {"", "~", "null", "Null", "NULL"}
_TRUTHS = {
    word: value for text, value in (("true", True), ("false", False)) for word in (text, text.title(), text.upper())
}
_YES_AND_NO = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*|[1-9][0-9]{0,2}(_[0-9]{3})+)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,4})?")
_NOT_FINITE = re.compile(r"[-+]?\.?(inf|infinity|nan)", re.IGNORECASE)
_UNCLEAR = (
    (re.compile(r"[-+]?0[xob][0-9a-fA-F_]+"), "is not written in decimal digits"),
    (re.compile(r"[-+]?0[0-9_]+"), "has a leading zero, which some readers take for octal"),
    (re.compile(r"[-+]?[0-9]+(:[0-9]+)+(\.[0-9]*)?"), "has colons, which some readers take for base 60"),
    (re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"), "has misplaced underscores"),
    (re.compile(r"[-+]?[0-9]{1,3}(,[0-9]{3})+"), "has commas between thousands"),
)
_NUMBERS = re.compile(rf"\s*{_FLOAT.pattern}\s*(,\s*{_FLOAT.pattern}\s*)*,?")
MOST_DIGITS = 18

# Characters that look like ASCII punctuation but are none, beside those that NFKC folds.
_LOOKALIKES = {"、": ",", "。": ".", "−": "-", "–": "-", "—": "-", "“": '"', "”": '"', "‘": "'", "’": "'", "،": ","}


@dataclass(frozen=True)
class Remark:
    """Why a word stayed text, and the word that was probably meant."""

    reason: str
    better: str | None = None
    about_truth: bool = False
    """It helps where true or false was needed; the others help where a number was."""


def read_word(text: str) -> tuple[bool | int | float | str | None, Remark | None]:
    """The value of an unquoted word."""
    if text in _NULLS:
        return None, None
    if text in _TRUTHS:
        return _TRUTHS[text], None
    if _INTEGER.fullmatch(text):
        if len(text) > MOST_DIGITS:
            return text, Remark("has too many digits")
        return int(text), None
    if _FLOAT.fullmatch(text) and not _UNCLEAR[1][0].fullmatch(text):
        value = float(text)
        if math.isinf(value):
            return text, Remark("is too large for a number")
        return value, None
    return text, _remark(text)


def _remark(text: str) -> Remark | None:
    lowered = text.lower()
    if lowered in _YES_AND_NO:
        return Remark("is not a truth value", _YES_AND_NO[lowered], about_truth=True)
    if lowered in ("true", "false"):
        return Remark("is not a truth value", lowered, about_truth=True)
    if _NOT_FINITE.fullmatch(text):
        return Remark("is not a finite number")
    for pattern, reason in _UNCLEAR:
        if pattern.fullmatch(text):
            return Remark(reason, _decimal(text))
    return _wide_number(text)


def _decimal(text: str) -> str | None:
    """The plain number without separators and leading zeros, where what is left is one beyond doubt."""
    bare = re.sub("[_,]", "", text)
    return bare if _FLOAT.fullmatch(bare) and not re.match("[-+]?0[0-9]", bare) else None


def _wide_number(text: str) -> Remark | None:
    """The remark on one or more numbers written with characters of another width or script."""
    narrow = narrowed(text)
    if narrow == text or not _NUMBERS.fullmatch(narrow):
        return None
    return Remark(wide_characters(text), ", ".join(part.strip() for part in narrow.split(",") if part.strip()))


def narrowed(text: str) -> str:
    """The text with every lookalike of ASCII replaced by the ASCII character."""
    return "".join(_narrow(letter) for letter in text)


def wide_characters(text: str) -> str:
    """`has '，' (fullwidth comma, U+FF0C) where ',' belongs` for each such character, once."""
    found = dict.fromkeys(letter for letter in text if _narrow(letter) != letter)
    named = []
    for letter in found:
        name = unicodedata.name(letter, "unnamed").lower()
        named.append(f"{letter!r} ({name}, U+{ord(letter):04X}) where {_narrow(letter)!r} belongs")
    return f"has {' and '.join(named)}"


def _narrow(letter: str) -> str:
    if letter.isascii():
        return letter
    if letter in _LOOKALIKES:
        return _LOOKALIKES[letter]
    folded = unicodedata.normalize("NFKC", letter)
    return folded if len(folded) == 1 and folded.isascii() else letter
