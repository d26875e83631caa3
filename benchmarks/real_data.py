"""Scores of the published test sets without any network: their LR_UX4 files, and LR enlarged in two ways.

python benchmarks/real_data.py [FOLDER] writes benchmarks/results/real_data.json. FOLDER holds rrssrd/ and kagglesrd/;
without it, that is data/ in REFSR_SHARED.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from refsr.core.errors import RefsrError
from refsr.data.stores import open_store
from refsr.metrics.protocols import DEFAULT_PROTOCOL, measure
from refsr.ops.resize import imresize

REPOSITORY = Path(__file__).resolve().parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results" / "real_data.json"
FOLDER = Path(os.environ.get("REFSR_SHARED", REPOSITORY.parent / "shared")) / "data"
"""Where they are looked for."""
SCALE = 4
SETS = {
    "RRSSRD 1": "rrssrd/val_1st",
    "RRSSRD 2": "rrssrd/val_2nd",
    "KaggleSRD 1": "kagglesrd/val_1",
    "KaggleSRD 2": "kagglesrd/val_2",
}
PROTOCOL_NAMES = (DEFAULT_PROTOCOL, "y-uint8-border4")

Image = npt.NDArray[np.uint8]


def kind_folder(place: Path, kind: str) -> Path:
    """The folder of a kind, such as Ref, in a published set; RRSSRD puts google_ before its references."""
    return place / kind if (place / kind).is_dir() else place / f"google_{kind}"


def pillow_bicubic(image: Image) -> Image:
    """LR enlarged as Pillow does, in 8 bits."""
    import PIL.Image

    height, width = image.shape[:2]
    enlarged = PIL.Image.fromarray(image).resize((width * SCALE, height * SCALE), PIL.Image.Resampling.BICUBIC)
    return np.asarray(enlarged)


def matlab_bicubic(image: Image) -> Image:
    """LR enlarged as MATLAB does, in 8 bits."""
    return imresize(image, SCALE).astype(np.uint8)


ENLARGEMENTS: dict[str, Callable[[Image], Image]] = {
    "bicubic_of_lr_pillow": pillow_bicubic,
    "bicubic_of_lr_matlab": matlab_bicubic,
}


def candidates(folder: Path) -> Iterator[tuple[Image, dict[str, Image]]]:
    """Each HR image of a set with what is scored against it."""
    stores = {kind: open_store(folder / kind) for kind in ("HR", "LR", "LR_UX4")}
    for key in stores["HR"].keys():
        low = stores["LR"].read(key)
        enlarged = {name: enlarge(low) for name, enlarge in ENLARGEMENTS.items()}
        yield stores["HR"].read(key), {"lr_up_file": stores["LR_UX4"].read(key), **enlarged}


def scores(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """Protocol: candidate: mean PSNR and SSIM of one set, and how many images they are of."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for hr, images in candidates(folder):
        for name, image in images.items():
            for protocol in PROTOCOL_NAMES:
                one = measure(image / 255, hr / 255, SCALE, protocol)
                found.setdefault((protocol, name), []).append(one)
    table: dict[str, dict[str, dict[str, float]]] = {protocol: {} for protocol in PROTOCOL_NAMES}
    for (protocol, name), rows in found.items():
        means = {measured: round(float(np.mean([row[measured] for row in rows])), 6) for measured in ("psnr", "ssim")}
        table[protocol][name] = {**means, "images": len(rows)}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder = parser.parse_args().folder
    rows: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    try:
        for name, place in SETS.items():
            rows[name] = scores(folder / place)
            for protocol, measured in rows[name].items():
                cells = "  ".join(f"{what} {of['psnr']:.2f} / {of['ssim']:.4f}" for what, of in measured.items())
                print(f"{name:12} {protocol:17} {cells}", flush=True)
    except RefsrError as error:
        sys.exit(f"error: {error}")
    RESULTS.write_text(json.dumps({"what": __doc__.splitlines()[0], "scale": SCALE, "sets": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
