"""Which part of the spectrum the description of a band speaks of."""

from __future__ import annotations

import re

WORDS = {
    "red edge": "red[ _-]?edge",
    "nir": "nir|near[ _-]?infra[ _-]?red",
    "swir": "swir|short[ _-]?wave[ _-]?infra[ _-]?red",
    "red": "(?<!infra[ _-])red(?![ _-]?edge)",
    "green": "green",
    "blue": "blue",
}
SPOKEN = {colour: re.compile(f"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE) for colour, words in WORDS.items()}
"""What descriptions call bands, as words of their own."""


def spoken_colour(description: str | None) -> str | None:
    """The one colour that a description speaks of; None where it speaks of none or of several."""
    found = [colour for colour, pattern in SPOKEN.items() if pattern.search(description or "")]
    return found[0] if len(found) == 1 else None
