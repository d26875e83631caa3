"""Registration beside other ways: SIFT with RANSAC, ECC, DIS optical flow, and arosics where it is installed.

python benchmarks/registration_others.py [--worlds FOLDER] [--arosics PYTHON] writes
benchmarks/results/registration-others.json. Ten world pairs are shifted by up to 20 HR pixels only, which is what a
georeference leaves and what arosics is made for; ten are turned and scaled as well; ten are of real sets, and ten are
of these with another place's Ref. arosics gets LR and Ref as GeoTIFF files on one frame, its search as wide as the
shifts; the rest grey images of one sharpness, LR enlarged twice. A world pair is a failure where nothing is found or
the median error is above 4 HR pixels; a real one where nothing is found or Ref is no more like HR than as it was; one
of another place where anything is found. PYTHON is an interpreter that has arosics and GDAL.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from refsr.core.atomic import write_text
from refsr.core.window import Window
from refsr.ops.resize import imresize
from refsr.registration import RegistrationOptions, register
from registration import FAR, REPOSITORY, SETS, gradient_likeness, pair, real

Array = npt.NDArray[Any]
Found = tuple[Array, Array] | None
RESULTS = REPOSITORY / "benchmarks" / "results" / "registration-others.json"
SCALE, EACH, SHIFT = 4, 10, 20.0
FINER = 2
REAL, OTHER = "real", "real, another place's Ref"
RATIO, INLIERS, WITHIN = 0.8, 8, 2.0


@dataclass(frozen=True)
class Case:
    """A pair, and where HR's pixels lie in Ref (worlds) or HR (real sets)."""

    group: str
    lr: Array
    ref: Array
    x: Array | None = None
    y: Array | None = None
    valid: Array | None = None
    hr: Array | None = None


def cases(folder: Path) -> Iterator[Case]:
    """Shifted worlds, worlds turned and scaled as well, real pairs, real ones with another place's Ref."""
    for index in range(EACH):
        one = pair(folder, index, SCALE, turn=0.0, scales=(1.0, 1.0), shift=SHIFT)
        yield Case("worlds, shifted", one.lr, one.ref, one.x, one.y, one.valid)
    for index in range(EACH):
        one = pair(folder, index, SCALE)
        yield Case("worlds, turned and scaled", one.lr, one.ref, one.x, one.y, one.valid)
    if gradient_likeness() is None:
        return
    chosen = []
    for number, name in enumerate(SETS):
        members = list(real(name))
        chosen += members[:: len(members) // 3][: 3 if number % 2 else 2]
    for group, step in ((REAL, 0), (OTHER, 1)):
        for number, (lr, _, hr) in enumerate(chosen):
            ref = chosen[(number + step) % len(chosen)][1]
            yield Case(group, lr.astype(np.float32) / 255, ref.astype(np.float32) / 255, hr=hr)


def greys(case: Case) -> tuple[Array, Array]:
    """LR enlarged twice and Ref at its sharpness, both in 8 bits."""
    ref = imresize(case.ref.mean(axis=2), f"1/{SCALE}")
    both = (imresize(image, FINER) for image in (case.lr.mean(axis=2), ref))
    one, other = (cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8) for image in both)
    return one, other


def under(transform: Array, size: tuple[int, int]) -> Found:
    """A transform of pixels twice as fine as LR's, as coordinates of HR's pixels in Ref."""
    ratio = SCALE / FINER
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float64)
    x, y = ((axis + 0.5) / ratio - 0.5 for axis in (columns, rows))
    seen = (transform[axis, 0] * x + transform[axis, 1] * y + transform[axis, 2] for axis in (0, 1))
    found_x, found_y = ((axis + 0.5) * ratio - 0.5 for axis in seen)
    return found_x, found_y


def hr_size(case: Case) -> tuple[int, int]:
    return case.lr.shape[0] * SCALE, case.lr.shape[1] * SCALE


def refsr(case: Case) -> Found:
    """This project's; told, where Ref is shifted only, that a georeference is known."""
    known = RegistrationOptions.georeferenced() if case.group == "worlds, shifted" else None
    found = register(case.lr, case.ref, SCALE, known)
    return found.coordinates(Window(0, 0, *found.size)) if found.accepted else None


def sift(case: Case) -> Found:
    """SIFT, ratio test, affine by RANSAC."""
    one, other = greys(case)
    finder = cv2.SIFT_create(2000)  # type: ignore[attr-defined]
    points, features = finder.detectAndCompute(one, None)
    other_points, other_features = finder.detectAndCompute(other, None)
    if features is None or other_features is None or len(other_features) < 2:
        return None
    pairs = cv2.BFMatcher().knnMatch(features, other_features, k=2)
    kept = [first for first, second in pairs if first.distance < RATIO * second.distance]
    if len(kept) < INLIERS:
        return None
    begin = np.array([points[match.queryIdx].pt for match in kept])
    end = np.array([other_points[match.trainIdx].pt for match in kept])
    transform, inliers = cv2.estimateAffine2D(begin, end, ransacReprojThreshold=WITHIN, maxIters=5000)
    return None if transform is None or inliers.sum() < INLIERS else under(transform, hr_size(case))


def ecc(case: Case) -> Found:
    """OpenCV's enhanced correlation coefficient, affine, on a pyramid of three sizes."""
    one, other = greys(case)
    transform = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-5)
    for level in (2, 1, 0):
        small = [cv2.resize(image, None, fx=0.5**level, fy=0.5**level, interpolation=3) for image in (one, other)]
        transform[:, 2] *= 0.5**level
        try:
            transform = cv2.findTransformECC(*small, transform, cv2.MOTION_AFFINE, stop, None, 5)[1]  # type: ignore
        except cv2.error:
            return None
        transform[:, 2] /= 0.5**level
    return under(transform, hr_size(case))


def dis(case: Case) -> Found:
    """OpenCV's dense inverse search, medium preset."""
    one, other = greys(case)
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(one, other, None)  # type: ignore
    height, width = hr_size(case)
    dense = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * (SCALE / FINER)
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    return columns + dense[:, :, 0], rows + dense[:, :, 1]


WAYS: dict[str, Callable[[Case], Found]] = {"refsr": refsr, "SIFT and RANSAC": sift, "ECC": ecc, "DIS flow": dis}


def timed(way: Callable[[Case], Found], case: Case) -> tuple[Found, float]:
    start = time.process_time()
    found = way(case)
    return found, time.process_time() - start


def arosics(python: str, every: list[Case]) -> dict[str, list[tuple[Found, float]]]:
    """arosics in its own interpreter, global and local."""
    import rasterio
    from rasterio.transform import from_origin

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, case in enumerate(every):
            for name, image, size in (("lr", case.lr, SCALE), ("ref", case.ref, 1)):
                bands = np.rint(np.clip(image * 255, 1, 255)).astype(np.uint8).transpose(2, 0, 1)
                place = {"nodata": 0, "crs": "EPSG:32632", "transform": from_origin(500000, 5500000, size, size)}
                shape = {"count": bands.shape[0], "height": bands.shape[1], "width": bands.shape[2]}
                file = folder / f"{number:02d}_{name}.tif"
                with rasterio.open(file, "w", driver="GTiff", dtype="uint8", **shape, **place) as raster:
                    raster.write(bands)
        command = [python, str(Path(__file__).with_name("registration_arosics.py")), str(folder), str(len(every))]
        subprocess.run(command, check=True)
        answers: dict[str, list[tuple[Found, float]]] = {"arosics, global": [], "arosics, local": []}
        for name, found in answers.items():
            for number in range(len(every)):
                with np.load(folder / f"{number:02d}_{name.split()[-1]}.npz") as members:
                    seconds = float(members["seconds"])
                    there = tuple(members["coordinates"]) if "coordinates" in members else None
                found.append((there, seconds))
    return answers


def scored(every: list[Case], answers: list[tuple[Found, float]], likeness: Any) -> dict[str, Any]:
    """By group: error of what was found, failures, processor seconds."""
    groups: dict[str, dict[str, list[float]]] = {}
    for case, (found, seconds) in zip(every, answers, strict=True):
        group = groups.setdefault(case.group, {"value": [], "failed": [], "seconds": []})
        group["seconds"].append(seconds)
        if case.hr is not None:
            before = likeness(case.hr, case.ref * 255)
            after = 0.0 if found is None else likeness(case.hr, np.clip(seen(case.ref, *found), 0, 1) * 255)
            group["failed"].append(found is not None if case.group == OTHER else after <= before)
            group["value"].append(after)
            continue
        assert case.x is not None
        assert case.y is not None
        off = math.inf
        if found is not None:
            off = float(np.nanmedian(np.hypot(found[0] - case.x, found[1] - case.y)[case.valid]))
        group["failed"].append(off > FAR)
        if off <= FAR:
            group["value"].append(off)
    return {
        name: {
            ("gradient_correlation" if name in (REAL, OTHER) else "median_error_of_found"): (
                round(float(np.mean(group["value"])), 3) if group["value"] else None
            ),
            "failed": int(sum(group["failed"])),
            "of": len(group["failed"]),
            "cpu_seconds_a_pair": round(float(np.mean(group["seconds"])), 3),
        }
        for name, group in groups.items()
    }


def seen(ref: Array, x: Array, y: Array) -> Array:
    """Ref under coordinates; as it lies where they are not known."""
    rows, columns = np.mgrid[: x.shape[0], : x.shape[1]]
    near = [np.where(np.isfinite(line), line, own).astype(np.float32) for line, own in ((x, columns), (y, rows))]
    return cv2.remap(ref, *near, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=Path, help="where wide scenes are or shall be kept")
    parser.add_argument("--arosics", metavar="PYTHON", help="an interpreter that has arosics")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    likeness = gradient_likeness()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.worlds or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        every = list(cases(folder))
    answers = {name: [timed(way, case) for case in every] for name, way in WAYS.items()}
    if arguments.arosics:
        answers |= arosics(arguments.arosics, every)
    results = {name: scored(every, found, likeness) for name, found in answers.items()}
    write_text(RESULTS, json.dumps(results, indent=1) + "\n")
    for name, found in results.items():
        print(name, found)


if __name__ == "__main__":
    main()
