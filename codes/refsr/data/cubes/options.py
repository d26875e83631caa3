"""From the options of a data set to how its cubes are read."""

from __future__ import annotations

from collections.abc import Sequence

from refsr.core.options.cubes import CubeOptions
from refsr.core.options.datasets import DatasetOptions
from refsr.data.cubes.about import Hints
from refsr.data.cubes.choice import Choice
from refsr.data.cubes.holes import Mending
from refsr.data.cubes.opening import Source
from refsr.data.cubes.reading import ReadCubes, Scaling
from refsr.data.ranges import Range


def cube_hints(options: DatasetOptions) -> Hints:
    """What the options know of files that these do not say."""
    cubes = options.hsi or CubeOptions()
    return Hints(cubes.variable, cubes.centres, cubes.interleave)


def read_as(source: Source, options: DatasetOptions) -> ReadCubes:
    """Cubes with the bands, holes and limits that the options say."""
    cubes = options.hsi or CubeOptions()
    choice = Choice(
        bands=options.bands_hsi,
        runs=[(first, last) for first, last in cubes.runs] if cubes.runs is not None else None,
        wavelengths=cubes.wavelengths,
        tolerance=cubes.tolerance,
        spans=_pairs(cubes.spans) if cubes.spans is not None else None,
        bad_bands=cubes.bad_bands,
        bad_spans=_pairs(cubes.bad_spans),
        bad_by_file=cubes.bad_by_file,
    )
    return ReadCubes(source, choice, Mending(cubes.nodata, cubes.not_finite, cubes.fill), _scaling(options).raw_clip)


def raw_range(options: DatasetOptions) -> Range | None:
    """The raw values of cubes that become 0 and 1, where the options say it."""
    return _scaling(options).raw_range


def _scaling(options: DatasetOptions) -> Scaling:
    cubes = options.hsi or CubeOptions()
    clip, limits = (None if one is None else (one[0], one[1]) for one in (cubes.clip, options.range_hsi))
    return Scaling(cubes.divide_by, clip, limits)


def _pairs(edges: Sequence[Sequence[float]]) -> list[Range]:
    return [(low, high) for low, high in edges]
