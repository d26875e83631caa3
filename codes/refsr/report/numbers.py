"""Formats numbers for pages: significant digits, minus sign, units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MINUS = "\N{MINUS SIGN}"
NAMES = {"st-lpips-alex": "ST-LPIPS (AlexNet)"}
CAPITALS = (
    "psnr",
    "ssim",
    "ms-ssim",
    "gms",
    "gmsd",
    "sam",
    "ergas",
    "scc",
    "niqe",
    "lpips",
    "dists",
    "st-lpips",
    "fid",
)
"""Metrics that are written in capitals."""


@dataclass(frozen=True)
class Metric:
    """Name, unit, digits and direction of a metric."""

    key: str
    unit: str = ""
    higher_is_better: bool = True
    library: str = ""

    @staticmethod
    def of(key: str, facts: Mapping[str, object]) -> Metric:
        """A metric from what results record of it."""
        unit = str(facts.get("unit") or "")
        better = str(facts.get("better", "higher")).lower()
        return Metric(key, "" if unit in ("1", "-", "none") else unit, better != "lower", str(facts.get("library", "")))

    @property
    def name(self) -> str:
        return self.key.upper() if self.key in CAPITALS else NAMES.get(self.key, self.key)

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def digits(self) -> int:
        """Decimal places: two for dB, else four."""
        return 2 if self.unit == "dB" else 4

    def show(self, value: float) -> str:
        return fixed(value, self.digits)

    def show_difference(self, value: float) -> str:
        return signed(value, self.digits)

    def with_unit(self, value: float, difference: bool = False) -> str:
        text = self.show_difference(value) if difference else self.show(value)
        return f"{text} {self.unit}".rstrip()

    def improves(self, difference: float) -> bool:
        return difference > 0 if self.higher_is_better else difference < 0


def fixed(value: float, digits: int) -> str:
    """A number with `digits` decimal places."""
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else f"{MINUS}\N{INFINITY}"
    text = f"{value:.{digits}f}"
    # Zero has no sign.
    text = text.removeprefix("-") if float(text) == 0 else text
    return text.replace("-", MINUS)


def signed(value: float, digits: int) -> str:
    """A difference with its sign, unless it rounds to zero."""
    text = fixed(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def compact(value: float) -> str:
    """A number on an axis: four significant digits, powers of ten where they are shorter."""
    if not math.isfinite(value):
        return fixed(value, 0)
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.3e}".split("e")
        shown = mantissa.rstrip("0").rstrip(".")
        return f"{shown}e{int(exponent)}".replace("-", MINUS)
    text = f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}".replace(",", "\N{THIN SPACE}")
    return text.replace("-", MINUS)


def interval(low: str, high: str) -> str:
    """Two edges as an interval."""
    return f"{low} to {high}"


def count(number: int, word: str) -> str:
    """`1 image`, `2 images`."""
    return f"{number} {word}{'s' * (number != 1)}"


def bytes_text(size: int) -> str:
    """`1.2 MiB`, `340 KiB`."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.0f} KiB"
