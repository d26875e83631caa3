"""What goes beside the chips: footprints, a contact sheet, and the part of an option file that reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.core.seeding import derive
from refsr.data.chips.footprints import geojson
from refsr.data.chips.settings import SPLITS, ChipSettings
from refsr.data.chips.survey import Survey
from refsr.data.images import read_image, write_image
from refsr.geo.value_range import ValueRange

FOOTPRINTS, SHEET, SNIPPET = "footprints.geojson", "contact_sheet.png", "datasets.yml"
SHOWN = 4
"""Chips of each split on the contact sheet."""
THUMB, SPACE, LINE = 192, 6, 18
"""Pixels: the side of a picture on the sheet, what is free between two, and the height of a line of text."""

PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")

Chips = Mapping[str, Mapping[str, Any]]


def write_footprints(target: Path, survey: Survey, chips: Chips) -> None:
    """footprints.geojson: a polygon a chip, with split, scene, and dates, licences and attribution of its sources."""
    sources = {one.label: one.rights for one in (*survey.lr, *survey.ref, *survey.hr)}
    features = []
    for key, chip in sorted(chips.items()):
        about = {name: chip[name] for name in ("split", "scene", "row", "column", "cover", "lr", "refs")}
        rights = [sources[chip["scene"]], *(sources[one] for one in chip["refs"])]
        dates = [one["date"] for one in rights[1:] if "date" in one]
        about |= {"date": rights[0].get("date"), "dates_ref": dates}
        for what in ("licence", "attribution"):
            about[what] = "; ".join(dict.fromkeys(one[what] for one in rights if what in one)) or None
        features.append((chip["ring"], {"name": key, **about}))
    write_text(target / FOOTPRINTS, geojson(features))


def write_sheet(target: Path, settings: ChipSettings, survey: Survey, chips: Chips) -> None:
    """contact_sheet.png: HR, Ref and LR side by side for some chips of each split."""
    import cv2

    kinds = [kind for kind in ("HR", "Ref", "LR") if kind in settings.kinds]
    shown = [key for split in SPLITS for key in _some(settings, chips, split)]
    width = len(kinds) * (THUMB + SPACE) + SPACE
    sheet = np.full((len(shown) * (THUMB + LINE + SPACE) + LINE + SPACE, width, 3), 255, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    for at, kind in enumerate(kinds):
        cv2.putText(sheet, kind, (SPACE + at * (THUMB + SPACE), LINE), font, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    for row, key in enumerate(shown):
        top = LINE + SPACE + row * (THUMB + LINE + SPACE)
        text = f"{chips[key]['split']}  {key}"
        cv2.putText(sheet, text, (SPACE, top + LINE - 5), font, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
        for at, kind in enumerate(kinds):
            file = next(name for name in chips[key]["files"] if f"/{kind}/" in name)
            left = SPACE + at * (THUMB + SPACE)
            picture = _thumb(read_image(target / file), survey.range)
            sheet[top + LINE : top + LINE + THUMB, left : left + THUMB] = picture
    write_image(target / SHEET, sheet)


def write_snippet(target: Path, settings: ChipSettings, survey: Survey, chips: Chips) -> None:
    """datasets.yml: the section `datasets` of an option file that trains, validates and tests on the chips."""
    present = [split for split in SPLITS if any(chip["split"] == split for chip in chips.values())]
    mode = "reference" if settings.ref else "single"
    lines = [f"# for an option file: refsr chips cut these, scale {settings.scale}", f"scale: {settings.scale}"]
    lines.append("datasets:")
    for split in present:
        folder = target / split
        lines += [f"  {split}:", f"    mode: {mode}"]
        for root, kind in (("GT", "HR"), ("LQ", "LR"), ("Ref", "Ref")):
            if kind in settings.kinds:
                path = f"{folder / kind}{'.lmdb' if settings.lmdb else ''}"
                # JSON's quotes are YAML's: a path may hold a colon or a hash.
                lines.append(f"    dataroot_{root}: {path if PLAIN_PATH.fullmatch(path) else json.dumps(path)}")
        if settings.ref:
            lines += ["    lr_up: from_lr", "    ref_down: from_ref"]
        if survey.dtype != "uint8" or (survey.range.low, survey.range.high) != (0, 255):
            lines.append(f"    range: [{survey.range.low:g}, {survey.range.high:g}]  # {survey.range.reason}")
        if survey.channels not in (1, 3):
            lines.append(f"    bands: {list(range(1, survey.channels + 1))}")
        if split == "train":
            lines += [f"    GT_size: {_crop(settings)}", "    use_flip: true", "    use_rot: true"]
    write_text(target / SNIPPET, "\n".join(lines) + "\n")


def _crop(settings: ChipSettings) -> int:
    """160 pixels, as the published options crop, or what the chips hold."""
    return min(settings.size, 160 // settings.scale * settings.scale)


def _some(settings: ChipSettings, chips: Chips, split: str) -> list[str]:
    """A few chips of a split, the same at every call."""
    own = [key for key, chip in chips.items() if chip["split"] == split]
    return sorted(sorted(own, key=lambda key: derive(settings.seed, "chips", "sheet", key))[:SHOWN])


def _thumb(image: npt.NDArray[Any], span: ValueRange) -> npt.NDArray[np.uint8]:
    """(THUMB, THUMB, 3) 8 bits of the first three bands or the first one."""
    import cv2

    bands = image[:, :, :3] if image.shape[2] >= 3 else image[:, :, [0, 0, 0]]
    grey = np.rint(np.clip(span.unit(bands), 0, 1) * 255).astype(np.uint8)
    coarser = grey.shape[0] < THUMB
    resized = cv2.resize(grey, (THUMB, THUMB), interpolation=cv2.INTER_NEAREST if coarser else cv2.INTER_AREA)
    return np.asarray(resized, np.uint8)
