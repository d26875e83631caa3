"""The knobs of a world: what is drawn, how hard it is, and in which form it is written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from refsr.core.errors import UsageError, suggestion
from refsr.data.degradation.presets import preset
from refsr.data.hardening.hardness import BOUNDS, Hardness, hardness
from refsr.worlds.layout_plan import STYLES, check_style
from refsr.worlds.layouts import FACTORS, LAYOUTS

OPTICS = ("single", "dual-zoom")
# What one camera at one moment leaves no choice in.
SAME_TIME: Mapping[str, Any] = {
    "dates": 1,
    "change": 0.0,
    "sun_shift": 0.0,
    "cloud_cover": 0.0,
    "spectral_shift": 0.0,
}
# What leans over an image's border from outside is up to this high, in metres; it counts into the margin.
TALLEST = 16.0
REF_GRID = ("ref_crs", "ref_pixel", "ref_extent", "ref_grid_rotation", "ref_south_up")
"""Any of these gives Ref a grid of its own."""
HARDENING = tuple(f"ref_{name}" for name in BOUNDS)
"""Each is a part of `hardness`, and goes before it."""
# Ground size of an HR pixel in metres.
PIXEL = 0.5
REF_SYSTEMS = ("utm", "next-utm", "EPSG:4326", "EPSG:3857")
"""HR's UTM zone, the one east of it, degrees, web Mercator."""
# Largest scale_difference in percent, before margins of larger ones were known.
FORMERLY_LARGEST = 20
# Degrees between the axes of HR's UTM zone and of any of these, at most: a zone's width times the sine of the latitude.
CONVERGENCE = 6.0


def _hardening(name: str, help: str) -> Any:
    low, high = BOUNDS[name]
    return _knob(None, f"{help} (default: by hardness)", low, high)


def _knob(default: Any, help: str, low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"help": help, "low": low, "high": high})


@dataclass(frozen=True)
class Knobs:
    """Everything that decides the pixels of a world; equal knobs give equal files."""

    places: int = _knob(64, "number of places, including val and test", 1, 1_000_000)
    val: int | None = _knob(None, "places for validation (default: an eighth)", 0)
    test: int | None = _knob(None, "places for testing (default: an eighth)", 0)
    size: int = _knob(480, "side of HR in pixels", 32, 8192)
    scale: int = _knob(4, "scale factor between LR and HR", 2, 32)
    seed: int = _knob(0, "seed of all random draws")
    style: str | None = _knob(None, f"kind of landscape: {', '.join(STYLES)} (default: all)")
    change: float = _knob(0.15, "fraction of the ground that changes between the dates", 0, 1)
    dates: int = _knob(2, "2: Ref is of an earlier date; 1: of the same time", 1, 2)
    sun_shift: float = _knob(1.0, "difference of the sun in Ref: 0 the same time, 1 any other time", 0, 1)
    misregistration: float = _knob(8.0, "largest shift of Ref in HR pixels", 0, 64)
    rotation: float = _knob(1.0, "largest rotation of Ref in degrees", 0, 15)
    scale_difference: float = _knob(1.0, "largest difference in scale of Ref in percent", 0, 30)
    view_angle: float = _knob(12.0, "largest off-nadir angle of Ref in degrees; of HR up to a third of it", 0, 40)
    cloud_cover: float = _knob(0.0, "mean fraction of Ref under clouds", 0, 1)
    haze: float = _knob(0.2, "haze in Ref: 0 none, 1 heavy; HR has a third of it", 0, 1)
    spectral_shift: float = _knob(
        0.5, "spectral difference of the sensors of Ref and HR: 0 the same, 1 another sensor", 0, 2
    )
    noise: float = _knob(1.0, "strength of the sensor noise", 0, 10)
    softness: float = _knob(0.0, "additional blur of HR and Ref in pixels: half to all of it", 0, 4)
    hardness: float = _knob(0.0, "sets the next seven, each of which is drawn up to it: 0 none, 1 all of it", 0, 1)
    ref_texture: float | None = _hardening("texture", "largest share of Ref's ground with another place's texture")
    ref_replaced: float | None = _hardening("replaced", "largest share of Ref's ground that is another place's")
    ref_tone: float | None = _hardening("tone", "strength of a random curve of Ref's brightness; from 0.5 it may fold")
    ref_jitter: float | None = _hardening("jitter", "largest elastic displacement of Ref in pixels; flow has it too")
    ref_blur: float | None = _hardening("blur", "largest blur of Ref in pixels")
    ref_noise: float | None = _hardening("noise", "largest noise on Ref in 255ths")
    ref_jpeg: int | None = _hardening("jpeg", "lowest JPEG quality of Ref, up to 95 is drawn; 0: none")
    ref_wrong: float | None = _hardening("wrong", "share of places whose Ref is another place's")
    optics: str = _knob("single", "single, or dual-zoom: one camera, LR with a short and Ref with a long lens")
    degradation: str | None = _knob(None, "degradation from HR to LR (default: bicubic; none with dual-zoom)")
    bits: int = _knob(8, "bits per value: 8 or 16", 8, 16)
    jpeg: int = _knob(0, "JPEG quality of the images, as in published sets; 0 is lossless", 0, 100)
    bands: int = _knob(0, "bands of the hyperspectral cube, 30 to 220; 0: no cube", 0, 220)
    cube_factor: int | None = _knob(None, "scale factor between the cube and HR (default: the scale)", 1, 64)
    geo: bool = _knob(False, "write GeoTIFFs with a coordinate system")
    ref_crs: str | None = _knob(None, f"with geo, CRS of Ref's own grid: {', '.join(REF_SYSTEMS)} (default: utm)")
    ref_pixel: float | None = _knob(None, "with geo, pixel size of Ref's own grid in HR pixels (default: 1)", 0.25, 8)
    ref_extent: float | None = _knob(None, "with geo, side of Ref's ground as a multiple of HR's (default: 1)", 0.1, 4)
    ref_grid_rotation: float | None = _knob(
        None, "with geo, degrees by which Ref's grid is turned against its CRS (default: 0)", -180, 180
    )
    ref_south_up: bool = _knob(False, "with geo, Ref's first row lies in the south")
    palette: bool = _knob(False, "also write cover and mask in SECOND's colours")
    light: bool = _knob(False, "write the map of light and shadow of HR")
    layout: str | None = _knob(None, "refdiff: the folders of SECOND and CNAM-CD for Ref-Diff, LR at x8 and x16")

    def __post_init__(self) -> None:
        for entry in dataclasses.fields(self):
            value = getattr(self, entry.name)
            if value is not None:
                _check_type(entry, value)
                _check_range(entry, value)
        eighth = max(1, self.places // 8) if self.places >= 3 else 0
        for name in ("val", "test"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, eighth)
        if self.cube_factor is None:
            object.__setattr__(self, "cube_factor", self.scale)
        if self.optics == "dual-zoom":
            for name, value in SAME_TIME.items():
                object.__setattr__(self, name, value)
        elif self.degradation is None:
            object.__setattr__(self, "degradation", "bicubic" if self.layout is None else "refdiff-real")
        self._check_together()

    def _check_together(self) -> None:
        if self.val_count + self.test_count > self.places:
            raise UsageError(
                f"val {self.val_count} and test {self.test_count} together are more than places {self.places}"
            )
        if self.size % self.scale:
            below, above = self.size // self.scale * self.scale, -(-self.size // self.scale) * self.scale
            raise UsageError(f"size {self.size} is not a multiple of scale {self.scale}; {below} or {above} would be")
        check_style(self.style)
        if self.optics not in OPTICS:
            raise UsageError(
                f"optics {self.optics!r} is not one of {', '.join(OPTICS)}{suggestion(self.optics, OPTICS)}"
            )
        if self.optics == "dual-zoom" and self.degradation is not None:
            raise UsageError(f"degradation {self.degradation!r} has no place in optics dual-zoom: the lens makes LR")
        if self.degradation is not None:
            preset(self.degradation)
        if self.bits not in (8, 16):
            raise UsageError(f"bits {self.bits} is neither 8 nor 16")
        if self.bands and self.bands < 30:
            raise UsageError(f"bands {self.bands} is below 30; 0 leaves the cube out")
        if self.bands and self.size % self.cell:
            raise UsageError(f"size {self.size} is not a multiple of cube_factor {self.cube_factor}")
        if self.jpeg and self.bits == 16:
            raise UsageError(f"jpeg {self.jpeg} holds 8 bits, bits is 16; drop one of them")
        if self.layout is not None:
            self._check_layout()
        self._check_hardening()
        if self.jpeg and self.geo:
            raise UsageError(f"jpeg {self.jpeg} holds no coordinate system, which geo asks for; drop one of them")
        self._check_ref_grid()

    def _check_ref_grid(self) -> None:
        given = [name for name in REF_GRID if getattr(self, name) not in (None, False)]
        if given and not self.geo:
            raise UsageError(f"{given[0]} {getattr(self, given[0])}: only GeoTIFFs have grids; add geo")
        if self.ref_crs is not None and self.ref_crs not in REF_SYSTEMS:
            near = suggestion(self.ref_crs, REF_SYSTEMS)
            raise UsageError(f"ref_crs {self.ref_crs!r} is not one of {', '.join(REF_SYSTEMS)}{near}")
        if self.ref_crs == "EPSG:4326" and self.ref_grid_rotation:
            raise UsageError(f"ref_grid_rotation {self.ref_grid_rotation} has no place in degrees; take another CRS")

    def _check_hardening(self) -> None:
        if not self.hardening.any:
            return
        given = next(f"{name} {getattr(self, name)}" for name in ("hardness", *HARDENING) if getattr(self, name))
        if self.optics == "dual-zoom":
            raise UsageError(f"{given} has no place in optics dual-zoom: both lenses see one moment")
        if self.own_ref_grid:
            raise UsageError(f"{given} has no place where Ref has a grid of its own; drop one of them")
        if self.hardening.jpeg and self.bits == 16:
            raise UsageError(f"{given}: JPEG holds 8 bits, bits is 16; give ref_jpeg 0")

    def _check_layout(self) -> None:
        if self.layout not in LAYOUTS:
            near = suggestion(str(self.layout), LAYOUTS)
            raise UsageError(f"layout {self.layout!r} is not known{near} (known: {', '.join(LAYOUTS)})")
        odd = {"bits": self.bits == 16, "optics": self.optics != "single"}
        odd |= {name: bool(getattr(self, name)) for name in ("jpeg", "bands", "geo", "light")}
        for name in (name for name, given in odd.items() if given):
            raise UsageError(f"{name} {getattr(self, name)} has no place in layout {self.layout}; drop one of them")
        if self.size % max(FACTORS):
            raise UsageError(f"layout {self.layout}: size {self.size} is not a multiple of {max(FACTORS)}")

    @property
    def val_count(self) -> int:
        return self.val or 0

    @property
    def test_count(self) -> int:
        return self.test or 0

    @property
    def cell(self) -> int:
        """HR pixels a side of one cell of the cube."""
        return self.cube_factor or self.scale

    @property
    def own_ref_grid(self) -> bool:
        """Whether Ref has a grid of its own beside HR's."""
        return any(getattr(self, name) not in (None, False) for name in REF_GRID)

    @property
    def hardening(self) -> Hardness:
        """How hard Ref is made, at most."""
        given = {name: getattr(self, f"ref_{name}") for name in BOUNDS}
        return dataclasses.replace(
            hardness(self.hardness), **{name: value for name, value in given.items() if value is not None}
        )

    @property
    def margin(self) -> int:
        """Pixels around HR that Ref's view, its own grid and leaning objects can reach."""
        turned = math.radians(self.rotation) + self.scale_difference / 100
        if self.scale_difference > FORMERLY_LARGEST:
            # A larger view is turned as much; not added below, so that worlds that were made keep their pixels.
            turned += math.radians(self.rotation) * self.scale_difference / 100
        wider = self._ref_grid_reach
        # A turned square reaches `wider` times as far along its axes, and once more along HR's.
        beyond = max(0.0, self.size / 2 * (wider**2 / (self.ref_extent or 1.0) - 1))
        reach = self.misregistration + self.size / math.sqrt(2) * max(1.0, wider) * turned + beyond
        reach += self.hardening.jitter
        lean = math.tan(math.radians(self.view_angle)) * TALLEST / PIXEL
        return 8 * math.ceil((reach + lean + 4) / 8)

    @property
    def _ref_grid_reach(self) -> float:
        """Half the side of Ref's own grid, a square around HR's ground in turned axes, as a multiple of HR's."""
        if not self.own_ref_grid:
            return 1.0
        quarter = abs(self.ref_grid_rotation or 0.0) % 90
        turn = math.radians(min(max(45.0, quarter - CONVERGENCE), quarter + CONVERGENCE))
        return (self.ref_extent or 1.0) * (math.cos(turn) + math.sin(turn))

    @property
    def canvas(self) -> int:
        """Side of the square on which a scene is drawn."""
        return self.size + 2 * self.margin

    def split_of(self, index: int) -> str:
        """The first scenes validate, the next ones test, so a world that grows gets more to train on."""
        if index < self.val_count:
            return "val"
        return "test" if index < self.val_count + self.test_count else "train"


# Shifts, angles, colours and softness (by the power of fine detail) as measured on the published test tuples, which are
# all stored as JPEG.
LIKE: Mapping[str, Mapping[str, Any]] = {
    "rrssrd": {
        "misregistration": 10.0,
        "rotation": 0.1,
        "scale_difference": 0.1,
        "view_angle": 8.0,
        "spectral_shift": 1.0,
        "haze": 0.3,
        "change": 0.2,
        "softness": 0.65,
        "jpeg": 95,
    },
    "kagglesrd": {
        "misregistration": 12.0,
        "rotation": 4.0,
        "scale_difference": 4.0,
        "view_angle": 25.0,
        "spectral_shift": 0.0,
        "haze": 0.0,
        "sun_shift": 0.0,
        "dates": 1,
        "change": 0.0,
        "softness": 0.55,
        "jpeg": 75,
    },
}
"""Knobs that make a world's pairs differ as those of a published set do."""


def knobs_like(like: str | None, given: Mapping[str, Any]) -> Knobs:
    """The knobs of a preset with those that are given on top."""
    if like is not None and like not in LIKE:
        raise UsageError(f"no preset {like!r}{suggestion(like, LIKE)} (known: {', '.join(LIKE)})")
    known = [entry.name for entry in dataclasses.fields(Knobs)]
    for name in given:
        if name not in known:
            raise UsageError(f"no knob {name!r}{suggestion(name, known)}")
    if given.get("optics") == "dual-zoom":
        if like is not None:
            raise UsageError(f"like {like} and optics dual-zoom exclude each other: those sets are of one lens")
        for name, value in SAME_TIME.items():
            if given.get(name, value) != value:
                raise UsageError(f"{name} {given[name]} has no place in optics dual-zoom: both lenses see one moment")
    return Knobs(**{**(LIKE[like] if like else {}), **given})


def _check_type(entry: dataclasses.Field[Any], value: object) -> None:
    # Annotations are text here: `float`, `int | None`, ...
    name = str(entry.type).split(" ")[0]
    wanted: tuple[type, ...] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}[name]
    if not isinstance(value, wanted) or (isinstance(value, bool) and name != "bool"):
        raise UsageError(f"{entry.name} {value!r} is {type(value).__name__}, expected {name}")


def _check_range(entry: dataclasses.Field[Any], value: Any) -> None:
    low, high = entry.metadata["low"], entry.metadata["high"]
    if low is None and high is None:
        return
    # A comparison with NaN is false, so ask for what is right rather than for what is wrong.
    if not ((low is None or value >= low) and (high is None or value <= high)):
        allowed = f"{low} to {high}" if high is not None else f"{low} or more"
        raise UsageError(f"{entry.name} {value} is out of range, {allowed} is allowed")
