"""Which bands of two rasters belong together: those of the same colours, where both files say what they show."""

from __future__ import annotations

from collections.abc import Sequence

from refsr.core.errors import DataError
from refsr.geo.band_choice import RGB, BandChoice, choose_bands, colour_of, spelled
from refsr.geo.raster_source import BandInfo, RasterSource


def pair_bands(
    lr: RasterSource,
    bands: Sequence[int],
    ref: RasterSource,
    choice: BandChoice,
    asked: bool,
    option: str | None,
    roles: tuple[str, str] = ("LR", "Ref"),
) -> BandChoice:
    """The bands of Ref to take with `bands` of LR: the `choice`, unless files say that colours differ.

    Then the bands of LR's colours are taken in its place. What was `asked` for stays, and so does a raster's only band,
    which stands for each; the reason says what differs. Else a DataError that names the `option` that says which.
    None: nothing is refused. `roles` are what messages call the two.
    """
    own = [lr.all_bands[band - 1] for band in bands]
    taken = [ref.all_bands[band - 1] for band in choice.bands]
    if not _contradict(own, taken):
        return choice
    differing = f"{_colours(taken)} of {roles[1]} for {_colours(own)} of {roles[0]}"
    if asked:
        return BandChoice(choice.bands, f"{choice.reason}: {differing}")
    alike = [_alike(band, ref.all_bands) for band in own]
    if None not in alike:
        return BandChoice(tuple(number for number in alike if number is not None), f"{roles[0]}'s: {_colours(own)}")
    if option is None or len(set(bands)) == 1 or len(set(choice.bands)) == 1:
        return BandChoice(choice.bands, f"{choice.reason}: {differing}")
    raise DataError(
        f"{ref.name}: would give {differing} ({lr.name}), whose colours it lacks; "
        f"{spelled(option, choice.bands)} takes it so, and other bands of {roles[0]} may fit better"
    )


def compared_bands(
    lr: RasterSource, ref: RasterSource, wanted: Sequence[int | str] = (), wanted_ref: Sequence[int | str] = ()
) -> tuple[BandChoice, BandChoice]:
    """The bands of LR and Ref that are compared where no network says how many: those that one of three would take.

    Where a file does not say which these are, all bands of both, unless some are asked for.
    """
    try:
        own, other = _chosen(lr, wanted), _chosen(ref, wanted_ref)
    except DataError:
        everything = [BandChoice(one.bands, "all there are") for one in (lr, ref)]
        own = _chosen(lr, wanted) if wanted else everything[0]
        other = _chosen(ref, wanted_ref) if wanted_ref else everything[1]
    if len(own.bands) == len(other.bands):
        other = pair_bands(lr, own.bands, ref, other, bool(wanted_ref), None)
    return own, other


def _chosen(source: RasterSource, wanted: Sequence[int | str]) -> BandChoice:
    return choose_bands(source.name, source.all_bands, len(wanted) or len(RGB), wanted)


def _contradict(own: Sequence[BandInfo], taken: Sequence[BandInfo]) -> bool:
    """Whether any two bands that belong together are said to show different colours."""
    pairs = [(colour_of(one), colour_of(other)) for one, other in zip(own, taken, strict=True)]
    return any(one != other for one, other in pairs if one is not None and other is not None)


def _alike(band: BandInfo, others: Sequence[BandInfo]) -> int | None:
    """The number of the one band that shows the same: of the same colour, and if several do, of the same name."""
    colour = colour_of(band)
    same = [number for number, other in enumerate(others, 1) if colour is not None and colour_of(other) == colour]
    if len(same) != 1:
        same = [
            number
            for number in same or ([] if colour is not None else range(1, len(others) + 1))
            if _name(others[number - 1]) and _name(others[number - 1]) == _name(band)
        ]
    return same[0] if len(same) == 1 else None


def _name(band: BandInfo) -> str:
    return (band.description or "").strip().lower()


def _colours(bands: Sequence[BandInfo]) -> str:
    return ", ".join(dict.fromkeys(colour_of(band) or band.description or "unknown" for band in bands))
