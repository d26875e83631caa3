"""What UCMerced, AID and NWPU-RESISC45 hold as they are distributed, and how many images of a class go where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from refsr.core.errors import DataError, UsageError, suggestion

PARTS = ("train", "val", "test")
LEAST = 3
"""An image for each part."""


@dataclass(frozen=True)
class Shares:
    """How a class is split: an entry is a fraction of the class, or a number of images where it is 1 or more."""

    val: Fraction
    test: Fraction
    train: Fraction | None = None
    """None: all that val and test leave."""

    def counts(self, images: int, published: int) -> dict[str, int]:
        """Images of each part; of a class with fewer than `published` images, numbers shrink in proportion."""
        val, test = (max(1, self._count(share, images, published)) for share in (self.val, self.test))
        rest = images - val - test
        train = rest if self.train is None else min(rest, max(1, self._count(self.train, images, published)))
        return {"train": train, "val": val, "test": test}

    @staticmethod
    def _count(share: Fraction, images: int, published: int) -> int:
        if share >= 1:
            share = share if images >= published else share * images / published
            return int(share)
        return int(share * images)


@dataclass(frozen=True)
class SceneSet:
    """One published set."""

    name: str
    title: str
    classes: Mapping[str, int]
    """Class folder: its images."""
    side: int
    """Of its square images, all but a few."""
    shares: Shares

    @property
    def images(self) -> int:
        return sum(self.classes.values())


def _equal(words: str, images: int) -> dict[str, int]:
    return dict.fromkeys(words.split(), images)


UCMERCED = SceneSet(
    name="ucmerced",
    title="UCMerced",
    classes=_equal(
        "agricultural airplane baseballdiamond beach buildings chaparral denseresidential forest freeway golfcourse "
        "harbor intersection mediumresidential mobilehomepark overpass parkinglot river runway sparseresidential "
        "storagetanks tenniscourt",
        100,
    ),
    side=256,
    shares=Shares(val=Fraction(1, 10), test=Fraction(1, 2)),
)
AID = SceneSet(
    name="aid",
    title="AID",
    classes={
        "Airport": 360, "BareLand": 310, "BaseballField": 220, "Beach": 400, "Bridge": 360, "Center": 260,
        "Church": 240, "Commercial": 350, "DenseResidential": 410, "Desert": 300, "Farmland": 370, "Forest": 250,
        "Industrial": 390, "Meadow": 280, "MediumResidential": 290, "Mountain": 340, "Park": 350, "Parking": 390,
        "Playground": 370, "Pond": 420, "Port": 380, "RailwayStation": 260, "Resort": 290, "River": 410,
        "School": 300, "SparseResidential": 300, "Square": 330, "Stadium": 290, "StorageTanks": 360, "Viaduct": 420,
    },
    side=600,
    shares=Shares(val=Fraction(5), test=Fraction(1, 5)),
)  # fmt: skip
NWPU = SceneSet(
    name="nwpu",
    title="NWPU-RESISC45",
    classes=_equal(
        "airplane airport baseball_diamond basketball_court beach bridge chaparral church circular_farmland cloud "
        "commercial_area dense_residential desert forest freeway golf_course ground_track_field harbor "
        "industrial_area intersection island lake meadow medium_residential mobile_home_park mountain overpass palace "
        "parking_lot railway railway_station rectangular_farmland river roundabout runway sea_ice ship snowberg "
        "sparse_residential stadium storage_tank tennis_court terrace thermal_power_station wetland",
        700,
    ),
    side=256,
    shares=Shares(train=Fraction(45), val=Fraction(5), test=Fraction(50)),
)
SCENE_SETS = {one.name: one for one in (UCMERCED, AID, NWPU)}


def scene_set(name: str) -> SceneSet:
    """The set of this name."""
    if name not in SCENE_SETS:
        known = ", ".join(SCENE_SETS)
        raise UsageError(f"data set {name!r} is not known{suggestion(name, SCENE_SETS)} (known: {known})")
    return SCENE_SETS[name]


def class_counts(scenes: SceneSet, name: str, images: int, where: object) -> dict[str, int]:
    """Images of each part of a class that has so many."""
    if images < LEAST:
        raise DataError(f"{where}: {images} images; a split into {', '.join(PARTS)} needs {LEAST} at least")
    return scenes.shares.counts(images, scenes.classes[name])
