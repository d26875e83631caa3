"""All that decides which chips are cut and what they hold."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refsr.core.errors import DataError, UsageError, suggestion

SPLITS = ("train", "val", "test")
RASTER_SUFFIXES = (".tif", ".tiff", ".jp2", ".vrt", ".img")
"""Files of a folder that are taken as rasters."""
MOST_SCALE = 32


@dataclass(frozen=True)
class ChipSettings:
    """Sources and sizes; a source is anything that GDAL opens, or a folder of rasters."""

    hr: tuple[str, ...]
    ref: tuple[str, ...] = ()
    lr: tuple[str, ...] = ()
    size: int = 480
    """Side of a chip in HR pixels."""
    scale: int = 4
    stride: int | None = None
    """HR pixels from one chip to the next; None: the size."""
    split: tuple[float, float, float] = (0.8, 0.1, 0.1)
    """Shares of the ground for training, validation and testing."""
    block: float | None = None
    """Side in metres of the blocks of ground that are split; None: six chips."""
    gap: float | None = None
    """Metres between chips of different splits; None: a chip's side."""
    seed: int = 0
    min_cover: float = 1.0
    """Share of a chip that references must cover."""
    min_std: float = 0.0
    """Least standard deviation of HR in units of its range."""
    limit: int | None = None
    """How many chips to cut at most, over all splits in their shares."""
    range: tuple[float, float] | None = None
    range_ref: tuple[float, float] | None = None
    range_lr: tuple[float, float] | None = None
    bands: tuple[int | str, ...] = ()
    bands_ref: tuple[int | str, ...] = ()
    bands_lr: tuple[int | str, ...] = ()
    nodata: float | None = None
    nodata_ref: float | None = None
    nodata_lr: float | None = None
    lmdb: bool = False

    @property
    def step(self) -> int:
        """HR pixels from one chip to the next."""
        return self.size if self.stride is None else self.stride

    @property
    def kinds(self) -> tuple[str, ...]:
        """The folders of a split."""
        return ("HR", "LR", "Ref") if self.ref else ("HR", "LR")

    def record(self) -> dict[str, Any]:
        """As plain JSON."""
        return {name: list(value) if isinstance(value, tuple) else value
                for name, value in dataclasses.asdict(self).items()}  # fmt: skip


def checked(settings: ChipSettings) -> ChipSettings:
    """The settings with folders replaced by their rasters; a UsageError where they ask for what cannot be."""
    size, scale, step = settings.size, settings.scale, settings.step
    if not 2 <= scale <= MOST_SCALE:
        raise UsageError(f"scale {scale} is out of range, 2 to {MOST_SCALE} are allowed")
    if size < scale or size % scale:
        raise UsageError(f"size {size} is no multiple of the scale {scale}")
    if step < scale or step % scale:
        raise UsageError(f"stride {step} is no multiple of the scale {scale}")
    shares = settings.split
    if not all(share >= 0 for share in shares) or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise UsageError(f"split {' '.join(f'{share:g}' for share in shares)}: expected three shares that add up to 1")
    for name, value in (("block", settings.block), ("gap", settings.gap)):
        if value is not None and not (math.isfinite(value) and value >= 0 and (value or name == "gap")):
            raise UsageError(f"{name} {value:g}: expected metres above 0")
    if not 0 <= settings.min_cover <= 1:
        raise UsageError(f"min-cover {settings.min_cover:g} is out of range, 0 to 1 is allowed")
    if not 0 <= settings.min_std <= 1:
        raise UsageError(f"min-std {settings.min_std:g} is out of range, 0 to 1 is allowed")
    if settings.limit is not None and settings.limit < 1:
        raise UsageError(f"limit {settings.limit} is out of range, 1 or more is allowed")
    hr, ref, lr = (_listed(names) for names in (settings.hr, settings.ref, settings.lr))
    _check_apart(hr, {"ref": ref, "lr": lr})
    return dataclasses.replace(settings, hr=hr, ref=ref, lr=lr)


def _listed(names: tuple[str, ...]) -> tuple[str, ...]:
    """The rasters that the names mean, in order: of a folder those right in it."""
    found: list[str] = []
    for name in names:
        path = Path(name)
        if not path.is_dir() or path.suffix.lower() == ".safe":
            found.append(name)
            continue
        inside = [file for file in sorted(path.iterdir())
                  if file.suffix.lower() in RASTER_SUFFIXES and not file.name.startswith(".")]  # fmt: skip
        if not inside:
            raise DataError(f"{path}: holds no rasters (looked for {', '.join(RASTER_SUFFIXES)})")
        found += map(str, inside)
    return tuple(dict.fromkeys(found))


def _check_apart(hr: tuple[str, ...], others: dict[str, tuple[str, ...]]) -> None:
    """No raster may be its own reference or its own LR."""
    known = {Path(name).resolve() for name in hr}
    for role, names in others.items():
        for name in names:
            if Path(name).resolve() in known:
                raise UsageError(f"{name}: is both HR and {role}; a network would learn to copy it")


def missing_file(name: str) -> str:
    """`; did you mean X?` for a file that is not there."""
    parent = Path(name).parent
    return suggestion(Path(name).name, [file.name for file in parent.iterdir()]) if parent.is_dir() else ""
