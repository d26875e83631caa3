"""arosics on pairs that registration_others.py wrote: python registration_arosics.py FOLDER COUNT.

NN_lr.tif and NN_ref.tif -> NN_global.npz and NN_local.npz: where HR's pixels lie in Ref (absent where arosics gave
up), and processor seconds. To read coordinates, a raster that holds each pixel's own is deshifted like Ref.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from arosics import COREG, COREG_LOCAL, DESHIFTER
from geoarray import GeoArray

MOST = 12
"""Largest shift in LR pixels."""
GRID, WINDOW = 40, (48, 48)
"""Ref pixels between tie points; their windows in LR pixels."""


def identity(ref: GeoArray) -> GeoArray:
    """x and y of each pixel of Ref, from 1 on, since 0 stands for no data."""
    rows, columns = np.mgrid[: ref.rows, : ref.cols].astype(np.float32)
    return GeoArray(np.dstack([columns, rows]) + 1, ref.geotransform, ref.projection, nodata=0)


def globally(lr: str, ref: str) -> tuple[np.ndarray, float]:
    start = time.process_time()
    found = COREG(lr, ref, max_shift=MOST, q=True, CPUs=1, ignore_errors=False)
    found.calculate_spatial_shifts()
    spent = time.process_time() - start
    moved = found.coreg_info["corrected_shifts_map"]
    rows, columns = np.mgrid[: GeoArray(ref).rows, : GeoArray(ref).cols].astype(np.float64)
    # Map units are Ref's pixels; y of the map goes up.
    return np.stack([columns - moved["x"], rows + moved["y"]]), spent


def locally(lr: str, ref: str) -> tuple[np.ndarray, float]:
    start = time.process_time()
    found = COREG_LOCAL(lr, ref, grid_res=GRID, window_size=WINDOW, max_shift=MOST, q=True, CPUs=1, progress=False)
    found.calculate_spatial_shifts()
    information = found.coreg_info
    spent = time.process_time() - start
    if not information["GCPList"]:
        raise RuntimeError("no tie points")
    original = GeoArray(ref)
    laid = DESHIFTER(
        identity(original), information, align_grids=True, resamp_alg="bilinear", CPUs=1, q=True, progress=False
    ).correct_shifts()
    there, (left, size_x, _, top, _, size_y) = laid["arr_shifted"] - 1, laid["updated geotransform"]
    column = round((original.geotransform[0] - left) / size_x)
    row = round((original.geotransform[3] - top) / size_y)
    full = np.full((2, original.rows, original.cols), np.nan)
    rows, columns = (
        np.arange(max(0, -begin), min(length, count - begin))
        for begin, length, count in ((row, original.rows, there.shape[0]), (column, original.cols, there.shape[1]))
    )
    full[:, rows[:, None], columns] = there[rows[:, None] + row, columns + column].transpose(2, 0, 1)
    full[:, full.min(axis=0) < 0] = np.nan
    return full, spent


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    for number in range(count):
        lr, ref = (str(folder / f"{number:02d}_{name}.tif") for name in ("lr", "ref"))
        for name, way in (("global", globally), ("local", locally)):
            start = time.process_time()
            file = folder / f"{number:02d}_{name}.npz"
            try:
                coordinates, spent = way(lr, ref)
            except Exception as error:  # arosics raises many kinds where nothing matches
                print(number, name, type(error).__name__, error)
                np.savez(file, seconds=time.process_time() - start)
            else:
                np.savez(file, seconds=spent, coordinates=coordinates)


if __name__ == "__main__":
    main()
