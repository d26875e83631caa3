"""Which bands of a raster a model takes: by number, by description, by colour role, or by wavelength."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.geo.raster_source import ALPHA, BandInfo
from refsr.geo.spoken_colours import spoken_colour

RGB = ("red", "green", "blue")
WAVELENGTHS = {"red": (620, 700), "green": (520, 600), "blue": (440, 520), "nir": (770, 900)}
"""Nanometres between which the centre of a band of that colour lies."""
BEYOND = {"red edge": (700, 770), "swir": (1300, 2500)}
"""The same of bands that are known, and of which sensors have several."""
SENTINEL_2 = {"red": "b04", "green": "b03", "blue": "b02", "nir": "b08"}
"""As its files spell them. Other sensors number other colours so, and spell the numbers without the zero."""
ROLES = {"rededge": "red edge", "nir": "nir", "swir": "swir", "red": "red", "green": "green", "blue": "blue"}
"""GDAL's colour roles of bands that show one part of the spectrum."""
NANOMETRES = re.compile(r"wavelength\D{0,3}([\d.]+)\s*(nm|um|µm)?", re.IGNORECASE)


@dataclass(frozen=True)
class BandChoice:
    """The bands to take, counted from 1, and why these."""

    bands: tuple[int, ...]
    reason: str

    def __str__(self) -> str:
        return f"bands {', '.join(map(str, self.bands))} ({self.reason})"


def choose_bands(
    name: str, bands: Sequence[BandInfo], channels: int, wanted: Sequence[int | str] = (), option: str = "--bands"
) -> BandChoice:
    """`channels` bands of a raster: the ones `wanted` by number, description or colour, else those that fit by rule.

    Without a wish, a raster with as many bands as the model takes is taken as it is; of one with more, a model of
    three bands takes red, green and blue where the file says which they are. A raster's only band, such as a
    panchromatic one, stands for each. Nothing is guessed; messages name the `option`, or the keyword, that says which.
    """
    if wanted:
        found = tuple(_named(name, bands, word) for word in wanted)
        if len(found) != channels:
            raise UsageError(f"{name}: {len(found)} bands are asked for, the model takes {channels}")
        return BandChoice(found, "as asked")
    usable = [number for number, band in enumerate(bands, 1) if band.colour != ALPHA]
    if channels == len(RGB) and len(usable) >= channels:
        for reason, rule in RULES.items():
            numbers = [rule(bands, colour) for colour in RGB]
            if all(number is not None for number in numbers):
                return BandChoice(tuple(number for number in numbers if number is not None), f"by {reason}")
    if len(usable) == channels:
        return BandChoice(tuple(usable), "all there are")
    if len(usable) == 1:
        return BandChoice((usable[0],) * channels, "its only band, for each that the model takes")
    raise DataError(
        f"{name}: has {len(usable)} bands ({_listed(bands)}), the model takes {channels}; "
        f"choose them by number, description or colour: {spelled(option, _example(usable, channels))}"
    )


def bands_to_show(name: str, bands: Sequence[BandInfo], numbers: Sequence[int]) -> tuple[int, ...]:
    """Of a raster's bands the one or three that a picture shows, as a model would take them, else the first ones."""
    try:
        found = tuple(dict.fromkeys(choose_bands(name, bands, len(RGB)).bands))
    except DataError:
        found = tuple(numbers)
    return found[: len(RGB)] if len(found) >= len(RGB) else found[:1]


def colour_of(band: BandInfo) -> str | None:
    """red, green, blue, nir, red edge or swir, where the file says so.

    A role comes last: GDAL gives red, green and blue to any three bands of 8 bits.
    """
    said, wave = spoken_colour(band.description), _wavelength(band)
    measured = [colour for colour, (low, high) in (WAVELENGTHS | BEYOND).items() if low <= wave < high]
    named = [colour for colour in SENTINEL_2 if _by_sentinel_2([band], colour) is not None]
    return said or next(iter([*measured, *named]), None) or ROLES.get(band.colour)


def _named(name: str, bands: Sequence[BandInfo], word: int | str) -> int:
    """The number of a band for a number or a word."""
    text = str(word).strip()
    if re.fullmatch("-?[0-9]+", text):
        number = int(text)
        if not 1 <= number <= len(bands):
            raise UsageError(f"{name}: band {number} is asked for, the raster has 1 to {len(bands)}")
        return number
    known = {(band.description or "").lower(): number for number, band in enumerate(bands, 1) if band.description}
    if text.lower() in known:
        return known[text.lower()]
    found = [rule(bands, text.lower()) for rule in RULES.values()]
    number_of = next((number for number in found if number is not None), None)
    if number_of is None:
        words = [band.description or band.colour for band in bands]
        raise UsageError(f"{name}: has no band {text!r}{suggestion(text, words)} (it has {_listed(bands)})")
    return number_of


def _by_description(bands: Sequence[BandInfo], colour: str) -> int | None:
    return _only(number for number, band in enumerate(bands, 1) if spoken_colour(band.description) == colour)


def _by_colour(bands: Sequence[BandInfo], colour: str) -> int | None:
    return _only(number for number, band in enumerate(bands, 1) if band.colour == colour)


def _by_wavelength(bands: Sequence[BandInfo], colour: str) -> int | None:
    if colour not in WAVELENGTHS:
        return None
    low, high = WAVELENGTHS[colour]
    inside = [(number, wave) for number, band in enumerate(bands, 1) if low <= (wave := _wavelength(band)) < high]
    middle = (low + high) / 2
    return min(inside, key=lambda one: abs(one[1] - middle))[0] if inside else None


def _by_sentinel_2(bands: Sequence[BandInfo], colour: str) -> int | None:
    wanted = SENTINEL_2.get(colour)
    return _only(number for number, band in enumerate(bands, 1) if (band.description or "").lower() == wanted)


RULES = {
    "descriptions": _by_description,
    "colour roles": _by_colour,
    "wavelengths": _by_wavelength,
    "names": _by_sentinel_2,
}
"""How bands of a colour are found, the surest way first."""


def _wavelength(band: BandInfo) -> float:
    """The centre in nm, from a tag or the description (`B4, central wavelength 665 nm`); 0 where neither says it."""
    texts = [f"wavelength {value}" for key, value in band.tags.items() if "wavelength" in key.lower()]
    units = [value for key, value in band.tags.items() if key.lower() == "wavelength_unit"]
    for text in (*texts, band.description or ""):
        found = NANOMETRES.search(text)
        if found:
            try:
                value = float(found[1])
            except ValueError:
                continue
            micrometres = (found[2] or "").lower() in ("um", "µm") or any(
                unit.lower().startswith("micro") for unit in units
            )
            return value * 1000 if micrometres or value < 30 else value
    return 0.0


def _only(numbers: object) -> int | None:
    found = list(numbers)  # type: ignore[call-overload]
    return found[0] if len(found) == 1 else None


def _listed(bands: Sequence[BandInfo]) -> str:
    return ", ".join(f"{number} {band.description or band.colour}" for number, band in enumerate(bands, 1))


def _example(usable: Sequence[int], channels: int) -> Sequence[int]:
    return list(usable[:channels]) if len(usable) >= channels else [usable[0] if usable else 1] * channels


def spelled(option: str, numbers: Sequence[int]) -> str:
    """`--bands 1 2 3`, or `bands=[1, 2, 3]` where the option is a keyword."""
    return f"{option} {' '.join(map(str, numbers))}" if option.startswith("-") else f"{option}={list(numbers)}"
