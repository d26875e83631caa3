"""Which of a cube's bands are taken: by number or by wavelength, without the bad ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refsr.core.errors import DataError
from refsr.data.cubes.cube_file import CubeInfo

Span = tuple[float, float]
MOST_NAMED = 8


@dataclass(frozen=True)
class BandSelection:
    """The bands of a cube to use; one of `bands`, `band_ranges`, `wavelengths` and `wavelength_ranges` is set, or none.

    Without any of them every band is used. Bands are counted from 1, wavelengths are in nm. `bands` are used whatever
    the file says of them; otherwise bands that are bad by `bad_bands`, by `bad_wavelength_ranges` or, with
    `use_bad_band_list`, by the file's own list are left out.
    """

    bands: Sequence[int] | None = None
    band_ranges: Sequence[tuple[int, int]] | None = None
    """First and last bands."""
    wavelengths: Sequence[float] | None = None
    """For each the nearest band, in this order."""
    tolerance: float = 10.0
    wavelength_ranges: Sequence[Span] | None = None
    """Every band whose centre lies in one of them, in the file's order."""
    bad_bands: Sequence[int] = ()
    bad_wavelength_ranges: Sequence[Span] = ()
    use_bad_band_list: bool = True

    def bands_of(self, count: int, cube_info: CubeInfo, where: str) -> list[int]:
        """The bands that are taken of a cube with `count` of them, counted from 0."""
        if self.bands is not None:
            return _known(self.bands, count, where)
        usable = self._usable(count, cube_info, where)
        if self.wavelengths is not None:
            return self._nearest(usable, _centres(cube_info, where, "hsi.wavelengths"), where)
        if self.band_ranges is not None:
            wanted = _known([band for first, last in self.band_ranges for band in range(first, last + 1)], count, where)
            taken, what = [band for band in wanted if band in usable], "hsi.band_ranges"
        elif self.wavelength_ranges is not None:
            centres = _centres(cube_info, where, "hsi.wavelength_ranges")
            for span in self.wavelength_ranges:
                if not any(_within(centre, [span]) for centre in centres):
                    reach = f"{min(centres):g} to {max(centres):g}"
                    raise DataError(f"{where}: no band lies within {_shown(span)} nm; the cube has {reach} nm")
            taken = [band for band in sorted(usable) if _within(centres[band], self.wavelength_ranges)]
            what = "hsi.wavelength_ranges"
        else:
            taken, what = sorted(usable), "the cube"
        if not taken:
            raise DataError(f"{where}: all bands of {what} are bad; nothing is left to take")
        return taken

    def _usable(self, count: int, cube_info: CubeInfo, where: str) -> set[int]:
        usable = set(range(count)) - set(_known(self.bad_bands, count, where))
        if self.bad_wavelength_ranges:
            centres = _centres(cube_info, where, "hsi.bad_wavelength_ranges")
            usable -= {band for band, centre in enumerate(centres) if _within(centre, self.bad_wavelength_ranges)}
        if self.use_bad_band_list and cube_info.good is not None:
            usable -= {band for band, good in enumerate(cube_info.good) if not good}
        return usable

    def _nearest(self, usable: set[int], centres: Sequence[float], where: str) -> list[int]:
        taken: list[int] = []
        for wanted in self.wavelengths or ():
            near = min(sorted(usable), key=lambda band: abs(centres[band] - wanted), default=None)
            if near is None or abs(centres[near] - wanted) > self.tolerance:
                nearest = "" if near is None else f"; the nearest good one is band {near + 1} at {centres[near]:g} nm"
                raise DataError(f"{where}: no band within {self.tolerance:g} nm of {wanted:g} nm{nearest}")
            if near in taken:
                twice = (self.wavelengths or ())[taken.index(near)]
                named = f"band {near + 1} at {centres[near]:g} nm"
                raise DataError(f"{where}: {named} is the nearest to both {twice:g} and {wanted:g} nm")
            taken.append(near)
        return taken


def _known(bands: Sequence[int], count: int, where: str) -> list[int]:
    beyond = [band for band in bands if not 1 <= band <= count]
    if beyond:
        listed = ", ".join(map(str, beyond[:MOST_NAMED])) + (", ..." if len(beyond) > MOST_NAMED else "")
        raise DataError(f"{where}: bands [{listed}] are asked for, the cube has 1 to {count}")
    return [band - 1 for band in bands]


def _centres(cube_info: CubeInfo, where: str, asked: str) -> tuple[float, ...]:
    if cube_info.wavelengths is None:
        raise DataError(
            f"{where}: {asked} needs wavelengths, and the file has none; hsi.band_centres or a wavelengths.txt beside "
            "the cubes gives them"
        )
    return cube_info.wavelengths


def _within(centre: float, spans: Iterable[Span]) -> bool:
    return any(low <= centre <= high for low, high in spans)


def _shown(span: Span) -> str:
    return f"{span[0]:g} to {span[1]:g}"
