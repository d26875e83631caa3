"""Wavelengths as files write them, in nm."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from refsr.core.errors import DataError
from refsr.core.foreign_files import read_text

SIDECAR = "wavelengths.txt"
"""A file of this name beside cubes says the centres of their bands where they do not."""

_FACTORS = {
    1.0: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    1000.0: ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
    1e6: ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    1e9: ("m", "meter", "meters", "metre", "metres"),
    0.1: ("angstrom", "angstroms", "å"),
}
_FACTOR_OF = {word: factor for factor, words in _FACTORS.items() for word in words}
_NO_LENGTH = ("index", "unknown", "none", "")
# Without a unit, values from 100 on are nm and values up to 30 are micrometres; between them the unit is ambiguous.
LONGEST_MICROMETRES, SHORTEST_NANOMETRES = 30.0, 100.0
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_LENGTH = re.compile(rf"({_NUMBER})\s*(nm|nanomet(?:er|re)s?|[uµμ]m|microns?|micromet(?:er|re)s?)\b", re.IGNORECASE)


def in_nanometres(values: Sequence[float], unit: str | None, name: object) -> tuple[float, ...] | None:
    """Wavelengths of a named unit in nm; where none is named, of the unit that their size implies.

    None where the unit says that they are no lengths.
    """
    word = (unit or "").strip().lower()
    if any(not 0 < value < math.inf for value in values):
        raise DataError(f"{name}: wavelengths must be numbers above zero")
    if word in ("wavenumber", "cm-1", "1/cm"):
        return tuple(1e7 / value for value in values)
    if word == "index":
        return None
    if word in _NO_LENGTH:
        if max(values) <= LONGEST_MICROMETRES:
            factor = 1000.0
        elif min(values) >= SHORTEST_NANOMETRES:
            factor = 1.0
        else:
            raise DataError(
                f"{name}: wavelengths from {min(values):g} to {max(values):g} without a unit; write them in nm"
            )
    elif word in _FACTOR_OF:
        factor = _FACTOR_OF[word]
    else:
        raise DataError(f"{name}: wavelength unit {unit!r} is not known (known: nanometers, micrometers, wavenumber)")
    # Six digits are finer than any sensor's calibration, and hide that 0.4123 * 1000 is no round number.
    return tuple(round(value * factor, 6) for value in values)


def from_texts(texts: Sequence[str | None]) -> tuple[float, ...] | None:
    """Wavelengths out of band descriptions such as `Band 7 (0.443 um)` or `412.3 nm, FWHM 5 nm`; all or none."""
    found = []
    for text in texts:
        match = _LENGTH.search(text or "")
        if match is None:
            return None
        found.append(round(float(match[1]) * _FACTOR_OF[match[2].lower()], 6))
    return tuple(found)


def from_sidecar(folder: Path) -> tuple[float, ...] | None:
    """The numbers in `wavelengths.txt` of a folder, if it is there; `#` starts a remark."""
    file = folder / SIDECAR
    if not file.exists():
        return None
    words = re.sub(r"[,;]", " ", re.sub(r"#.*", "", read_text(file))).split()
    if not words:
        raise DataError(f"{file}: is empty; it holds the centre of each band in nm")
    return in_nanometres([_number(word, file) for word in words], None, file)


def _number(word: str, file: Path) -> float:
    if not re.fullmatch(_NUMBER, word):
        raise DataError(f"{file}: {word[:40]!r} is not a number; it holds the centre of each band in nm")
    return float(word)
