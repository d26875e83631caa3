"""The `hsi` section of a data set: how hyperspectral cubes are read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from refsr.core.options.section import Section

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Run = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]


class CubeOptions(Section):
    """How cubes are read, in this order: bands are chosen, holes are filled, values are clipped, cubes that are paired
    by position are brought to the image's grid, and values are divided by `divide_by`, or `range_hsi` becomes [0, 1].
    Wavelengths are in nm."""

    variable: str | None = Field(
        default=None, description="array of .mat files that holds the cube; none: the only one with three axes"
    )
    centres: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        min_length=1,
        description="wavelength of each band of files that do not say it; a wavelengths.txt beside them does the same",
    )
    interleave: Literal["bsq", "bil", "bip"] | None = Field(
        default=None,
        description="order of the numbers in ENVI files, whatever their headers say; none: the header's, refused where "
        "the values speak clearly against it",
    )

    runs: list[Run] | None = Field(
        default=None,
        min_length=1,
        description="bands to take as [first, last], counted from 1; bands_hsi names them one by one",
        examples=[[[1, 30], [45, 60]]],
    )
    wavelengths: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None,
        min_length=1,
        description="take the band nearest to each, in this order",
        examples=[[470, 550, 645, 860, 1650, 2200]],
    )
    tolerance: float = Field(default=10.0, gt=0, description="how far such a band may lie from what is asked for")
    spans: list[Pair] | None = Field(
        default=None, min_length=1, description="take every band between two wavelengths", examples=[[[400, 1000]]]
    )
    bad_bands: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], description="bands that are never taken, counted from 1"
    )
    bad_spans: list[Pair] = Field(
        default=[],
        description="wavelengths between which no band is taken, such as those of water vapour",
        examples=[[[1350, 1430], [1800, 1950]]],
    )
    bad_by_file: bool = Field(
        default=True, description="leave out what the file calls bad (bbl of ENVI); bands_hsi takes it all the same"
    )

    nodata: float | None = Field(default=None, description="value of holes; none: the one that the file names")
    not_finite: Literal["refuse", "fill"] = Field(
        default="refuse", description="NaN and infinity that are not nodata: a mistake, or holes as well"
    )
    fill: Literal["nearest", "zero", "refuse"] = Field(
        default="nearest",
        description="holes get the band's value at the nearest place with data, or 0, or are a mistake; results say "
        "how much was filled",
    )
    divide_by: float | None = Field(
        default=None,
        gt=0,
        description="raw value that becomes 1, such as 10000 for reflectance in 16 bits; range_hsi: [0, 10000] says "
        "the same",
    )
    clip: Pair | None = Field(
        default=None,
        description="least and largest value, counted in what divide_by gives, without it raw; values beyond are set "
        "to them",
    )

    pairing: Literal["key", "position", "key_only"] = Field(
        default="key",
        description="cubes belong to the HR images of their names, where both have a coordinate system only if they "
        "lie alike; or to those whose ground they cover, resampled; or to their names whatever the files say",
    )
    ratio: int | None = Field(
        default=None, ge=1, description="HR pixels along the side of a cube's pixel; pairing: position needs it"
    )
