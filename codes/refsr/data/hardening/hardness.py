"""How much harder references are made."""

from __future__ import annotations

from dataclasses import dataclass, fields

from refsr.core.errors import UsageError

BEST_JPEG = 95


@dataclass(frozen=True)
class Hardness:
    """The most of each that a reference gets; how much of it is drawn for each reference."""

    texture: float = 0.0
    """Share of the ground whose texture is another place's."""
    replaced: float = 0.0
    """Share of the ground that is another place's altogether."""
    tone: float = 0.0
    """Strength of a random curve of brightness; from about one half on it may fold."""
    jitter: float = 0.0
    """Elastic displacement in pixels."""
    blur: float = 0.0
    """Standard deviation of a Gaussian in pixels."""
    noise: float = 0.0
    """Standard deviation in 255ths of full range."""
    jpeg: int = 0
    """Lowest JPEG quality; up to 95 is drawn; 0: none."""
    wrong: float = 0.0
    """Share of references that are another place's altogether."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            low, high = BOUNDS[entry.name]
            value = getattr(self, entry.name)
            if not low <= value <= high:
                raise UsageError(f"{entry.name} {value} is out of range, {low:g} to {high:g} is allowed")

    @property
    def any(self) -> bool:
        return self != Hardness()

    @property
    def needs_other(self) -> bool:
        """Whether an image of another place takes part."""
        return self.texture > 0 or self.replaced > 0 or self.wrong > 0


BOUNDS = {
    "texture": (0.0, 1.0),
    "replaced": (0.0, 1.0),
    "tone": (0.0, 2.0),
    "jitter": (0.0, 8.0),
    "blur": (0.0, 4.0),
    "noise": (0.0, 64.0),
    "jpeg": (0, BEST_JPEG),
    "wrong": (0.0, 1.0),
}


def hardness(level: float) -> Hardness:
    """All of it at one level: 0 leaves references as they are, 1 makes them harder than those of published sets."""
    if not 0 <= level <= 1:
        raise UsageError(f"hardness {level} is out of range, 0 to 1 is allowed")
    if level == 0:
        return Hardness()
    return Hardness(
        texture=0.8 * level,
        replaced=0.25 * level,
        tone=level,
        jitter=2 * level,
        blur=level,
        noise=4 * level,
        jpeg=round(BEST_JPEG - 20 * level),
    )
