"""The raster of evidence beside a restored one: the same grid, mask and blocks, a band for each plane."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import UsageError
from refsr.core.progress import ProgressFactory
from refsr.core.window import Window
from refsr.geo.raster_sink import FINAL, RasterProfile, RasterSink
from refsr.geo.raster_source import BandInfo
from refsr.inference.evidence import ABOUT, require_tiff
from refsr.inference.raster_finish import finish_raster
from refsr.inference.raster_job import RasterJob


class EvidenceRaster:
    """Takes the evidence of each block, and makes the raster when all are there, resumable as the result is."""

    def __init__(self, job: RasterJob, output: Path, restored: RasterProfile, made_of: Mapping[str, Any]) -> None:
        require_tiff(output)
        self._job, self._output, self._made_of = job, output, made_of
        nodata = math.nan if restored.masked else None
        self._profile = dataclasses.replace(restored, dtype="float32", bands=band_infos(job.evidence), nodata=nodata)
        self.sink = RasterSink(output, self._profile, made_of, "cog")

    def open(self, overwrite: bool) -> None:
        """Takes over the blocks of an earlier run of the same work."""
        if self._output.exists() and not overwrite:
            raise UsageError(f"{self._output}: is there already (--overwrite replaces it)")
        self.sink.open(overwrite)

    def finish(self, windows: Sequence[Window], overwrite: bool, progress: ProgressFactory) -> None:
        """Makes the raster of its blocks: of the part and at the pixel size that the result has."""
        finish = self._job.finish
        if finish is None:
            self.sink.finish(windows)
            return
        numbers = tuple(range(1, len(self._job.evidence) + 1))
        own = dataclasses.replace(finish, restored=numbers, bands=numbers, others=None, dtype=np.dtype(np.float32))
        masked = self._profile.masked or own.area is not None
        final = dataclasses.replace(
            self._profile, height=own.grid.height, width=own.grid.width, masked=masked,
            nodata=math.nan if masked else None,
            geotransform=None if self._profile.geotransform is None else own.grid.geotransform,
        )  # fmt: skip
        final_sink = RasterSink(self._output, final, self._made_of, "cog", FINAL)
        finish_raster(own, self.sink, windows, final_sink, overwrite, progress, "finishing evidence")


def band_infos(names: Sequence[str]) -> list[BandInfo]:
    """The bands of a file of evidence."""
    return [BandInfo(description=name, tags={"ABOUT": ABOUT[name]}) for name in names]
