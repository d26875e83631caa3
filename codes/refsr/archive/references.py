"""References found for a scene: those of a catalog that share ground with it, the best first."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import shapely

from refsr.archive.catalog import CatalogScene
from refsr.archive.footprints import shared

LEAST = 1e-4
"""Share of a scene's ground below which footprints only touch."""
STEPS = 20
"""Steps of the share covered: within one of 5 % references count as covering alike."""
DAYS = 30
"""Within one of so many days references count as being of one time."""
SECONDS_A_DAY = 86400.0


@dataclass(frozen=True)
class Candidate:
    """A reference that may be used for a scene, and what it is ranked by."""

    name: str
    path: str
    overlap: float | None = None
    """The share of the scene's ground that it covers; None for one that a catalog lists for the scene."""
    days: float | None = None
    """Between it and the scene."""
    pixel: float | None = None
    """Side of its pixels in metres."""
    clouds: float | None = None
    """Percent."""

    @property
    def rank(self) -> tuple[Any, ...]:
        """References in the order of this are the best first: overlap, date, resolution, cloud cover; then by name."""
        return (
            -math.floor((self.overlap or 0.0) * STEPS + 1e-6),
            math.inf if self.days is None else math.floor(self.days / DAYS),
            math.inf if self.pixel is None else round(self.pixel, 3),
            math.inf if self.clouds is None else self.clouds,
            -(self.overlap or 0.0),
            self.name,
        )

    def record(self) -> dict[str, Any]:
        """What an item says of it."""
        about = {"overlap": self.overlap, "days": self.days, "gsd": self.pixel, "cloud_cover": self.clouds}
        return {
            "id": self.name,
            "href": self.path,
            **{key: _short(one) for key, one in about.items() if one is not None},
        }


class ReferenceCatalog:
    """The references of a catalog, found by footprint."""

    def __init__(self, scenes: Iterable[CatalogScene]) -> None:
        self._scenes = [scene.measured() for scene in scenes]
        for scene in self._scenes:
            scene.require_footprint()
        self._tree = shapely.STRtree([scene.footprint for scene in self._scenes])

    def __len__(self) -> int:
        return len(self._scenes)

    def ranked(self, scene: CatalogScene) -> list[Candidate]:
        """The references that share ground with a scene whose footprint is known, the best first."""
        found = []
        for index in self._tree.query(scene.footprint, predicate="intersects"):
            other = self._scenes[int(index)]
            overlap = shared(scene.footprint, other.footprint)
            if overlap < LEAST or other.path == scene.path:
                continue
            days = None
            if scene.date is not None and other.date is not None:
                days = abs((scene.date - other.date).total_seconds()) / SECONDS_A_DAY
            found.append(Candidate(other.name, other.path, overlap, days, other.pixel, other.clouds))
        return sorted(found, key=lambda candidate: candidate.rank)


def _short(value: float) -> float:
    return round(value, 4)
