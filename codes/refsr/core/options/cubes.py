"""The `hsi` section of a data set: how hyperspectral cubes are read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from refsr.core.options.section import Section

Range = Annotated[list[float], Field(min_length=2, max_length=2)]
BandRange = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class CubeOptions(Section):
    """How hyperspectral cubes are read, in this order: bands are chosen, holes are filled, values are clipped, cubes
    paired by position are resampled to the grid of the image, and values are scaled to [0, 1] by `divide_by` or
    `range_hsi`. Wavelengths are in nm."""

    variable: str | None = Field(
        default=None, description="name of the cube's array in .mat files; none: the only array with three axes"
    )
    band_centres: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        min_length=1,
        description="centre wavelength of each band, for files that do not give it; a file wavelengths.txt beside the "
        "cubes does the same",
    )
    interleave: Literal["bsq", "bil", "bip"] | None = Field(
        default=None,
        description="interleave of ENVI files, in place of their headers'; none: the header's, an error where the "
        "values contradict it",
    )

    band_ranges: list[BandRange] | None = Field(
        default=None,
        min_length=1,
        description="ranges of bands to use, each [first, last], counted from 1; bands_hsi lists single bands",
        examples=[[[1, 30], [45, 60]]],
    )
    wavelengths: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        min_length=1,
        description="use the band nearest to each of these wavelengths, in this order",
        examples=[[470, 550, 645, 860, 1650, 2200]],
    )
    tolerance: float = Field(
        default=10.0, gt=0, description="largest distance of such a band from its wavelength, in nm"
    )
    wavelength_ranges: list[Range] | None = Field(
        default=None,
        min_length=1,
        description="use every band inside these wavelength ranges",
        examples=[[[400, 1000]]],
    )
    bad_bands: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], description="bands that are never used, counted from 1"
    )
    bad_wavelength_ranges: list[Range] = Field(
        default=[],
        description="wavelength ranges in which no band is used, such as water vapour absorption",
        examples=[[[1350, 1430], [1800, 1950]]],
    )
    use_bad_band_list: bool = Field(
        default=True,
        description="leave out bands that the file marks as bad (bbl in ENVI); bands_hsi uses them all the same",
    )

    nodata: float | None = Field(default=None, description="no-data value; none: the file's own")
    not_finite: Literal["refuse", "fill"] = Field(
        default="refuse", description="NaN and infinity that are not nodata: an error, or filled as holes are"
    )
    fill: Literal["nearest", "zero", "refuse"] = Field(
        default="nearest",
        description="holes get the value of the nearest valid pixel of the band or 0, or are an error; results record "
        "how much was filled",
    )
    divide_by: float | None = Field(
        default=None,
        gt=0,
        description="raw value that becomes 1, such as 10000 for 16-bit reflectance; the same as range_hsi: [0, 10000]",
    )
    clip: Range | None = Field(
        default=None,
        description="smallest and largest value, after divide_by where it is set, else raw; values beyond are clipped",
    )

    pairing: Literal["key", "position", "key_only"] = Field(
        default="key",
        description="key: a cube belongs to the HR image of its name, and their footprints must agree where both are "
        "georeferenced; position: to the HR images whose ground it covers, resampled; key_only: by name alone",
    )
    ratio: int | None = Field(
        default=None, ge=1, description="HR pixels per cube pixel along a side; needed by pairing: position"
    )
