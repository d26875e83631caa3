"""The data set behind all kinds: members paired by key, cropped and augmented alike, derived where no file is given."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.data.augmentation import FlipRotation, draw_flip_rotation
from refsr.data.change.calibration import calibration
from refsr.data.change.estimate import change_probability, mask_under
from refsr.data.crops import CropRule, draw_crop
from refsr.data.derivation import DERIVED, derived
from refsr.data.images import Array
from refsr.data.masks import Encoding, MaskSource, changed_pixels, encode_mask, unchanged_mask
from refsr.data.pairing import paired_keys
from refsr.data.ranges import Range, beyond_range, declared, to_unit
from refsr.data.reference_faults import ReferenceFaults
from refsr.data.registered.stores import RegisteredRefs, RegisteredStore
from refsr.data.sample import PackedSample, Sample, Unit, unpacked
from refsr.data.sets.checks import check_bands, check_side, check_sizes, check_weights
from refsr.data.sets.degraded import DegradedLR
from refsr.data.sets.reference import (
    Frame,
    Under,
    WeightedRef,
    everywhere,
    mirrored_on,
    reference_members,
    shifted,
    within,
)
from refsr.data.stores.base import Store

LOG = logging.getLogger(__name__)

UNTURNED = FlipRotation()
UNIT: Range = (0, 1)
Records = tuple[dict[str, Any], ...]
"""What the registration of each reference came to."""
MADE_MASKS = ("estimate", "none")


@dataclass(frozen=True)
class Member:
    """Where one kind of image comes from and how its values are read."""

    store: Store
    range: Range | None = None
    bands: tuple[int, ...] | None = None
    """Counted from 1; none: the first three, or the only one."""
    all_bands: bool = False
    note: Callable[[], str | None] | None = None
    """What a result must say of how these images were read, if anything."""
    origin: str = "file"
    """Where these images come from, for every result that is quoted."""

    def where(self, key: str) -> str:
        """An image of this member, for messages."""
        return f"{self.store.path}: {key}"

    def taken(self, count: int, key: str) -> list[int]:
        """Which of an image's `count` bands are taken, counted from 0."""
        if self.bands is None:
            return list(range(count if self.all_bands else min(count, 3)))
        beyond = [band for band in self.bands if not 1 <= band <= count]
        if beyond:
            raise DataError(f"{self.where(key)}: bands {beyond} are asked for, the image has 1 to {count}")
        return [band - 1 for band in self.bands]


@dataclass(frozen=True)
class Cropping:
    """How training samples are cropped, flipped and rotated."""

    side: int | None = None
    rule: CropRule = "aligned"
    flip: bool = False
    rotate: bool = False


@dataclass(frozen=True)
class MaskOptions:
    """How masks become numbers."""

    encoding: Encoding = "grey"
    values: Sequence[int] | None = None
    source: MaskSource | None = "file"
    """None: samples have no mask. Where it is not `file`, masks in files only say what is scored separately."""


@dataclass
class PairedSet(Dataset[Sample]):
    """Samples by `dataset[index]` (whole images) or `dataset[index, draw]` (draw number `draw`, cropped and augmented).

    A sample is a function of seed, index and draw alone. What `members` lack and `derive` names is made by the exact
    bicubic resizer, from the same pixels as if the whole image were resized.
    """

    members: Mapping[str, Member]
    scale: int
    derive: tuple[str, ...] = ()
    cropping: Cropping = field(default_factory=Cropping)
    mask: MaskOptions = field(default_factory=MaskOptions)
    faults: ReferenceFaults = field(default_factory=ReferenceFaults)
    """Of training samples."""
    seed: int = 0
    name: str = "data"
    weighted: bool = False
    """Whether samples have `ref_weight`; if not, Ref is blended into upsampled LR by its weight map, if it has one."""
    degraded: DegradedLR | None = None
    """How derived LR is made, if not by the exact bicubic resizer."""
    _probabilities: dict[int, Unit] = field(default_factory=dict, init=False, repr=False)
    """Of change, at LR's size, for images that were asked for before: crops of one image share it."""
    _told: set[str] = field(default_factory=set, init=False, repr=False)
    """Members of which it was said that values lie beyond their range."""

    def __post_init__(self) -> None:
        if "hr" not in self.members:
            raise DataError(f"{self.name}: a data set needs HR images (dataroot_GT)")
        for made in self.derive:
            source = DERIVED[made]
            if source not in self.members and source not in self.derive:
                raise DataError(f"{self.name}: {made} is to be made from {source}, which is not there")
        infos = {name: {key: member.store.info(key) for key in self.keys} for name, member in self.members.items()}
        check_sizes(infos, self.ratios, self.grid)
        check_weights(infos.get("ref_weight", {}))
        if self.cropping.side is not None:
            check_side(self.cropping.side, self.grid, self.ratios, self.scale)
        images = {name: found for name, found in infos.items() if name not in ("mask", "ref_weight")}
        check_bands(
            {
                name: {key: len(self.members[name].taken(info.bands, key)) for key, info in found.items()}
                for name, found in images.items()
            }
        )
        for name, found in images.items():
            for key, info in found.items():
                self._range(name, key, info.dtype)

    @property
    def _stores(self) -> dict[str, Store]:
        return {name: member.store for name, member in self.members.items()}

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Names of the samples, in the order of their indices."""
        return paired_keys(self._stores)

    @cached_property
    def ratios(self) -> dict[str, int]:
        """High-resolution pixels a pixel, for each member that is read."""
        ratios = {member: self.scale if member == "lr" else 1 for member in self.members}
        if "hsi" in ratios:
            hr, hsi = (self.members[member].store.info(self.keys[0]) for member in ("hr", "hsi"))
            ratios["hsi"] = max(1, round(hr.height / hsi.height))
        return ratios

    @cached_property
    def grid(self) -> int:
        """Cut at multiples of this many high-resolution pixels, no member is cut inside one of its pixels."""
        return math.lcm(self.scale, *self.ratios.values())

    @property
    def provenance(self) -> dict[str, str]:
        """Where each member comes from, for every result that is quoted."""
        names = (name for name in self.members if name != "mask" or self.mask.source == "file")
        read = {name: self.members[name].origin for name in names}
        made = {made: f"from_{DERIVED[made]}" for made in self.derive}
        if self.degraded is not None and "lr" in made:
            made["lr"] += f" ({self.degraded.name})"
        if self.composes and "ref_down" in read:
            made["ref_down"] = "from_ref"
        return read | made | ({"mask": self.mask.source} if self.mask.source in MADE_MASKS else {})

    @property
    def notes(self) -> list[str]:
        """What a result on this set must say."""
        said = [member.note() for member in self.members.values() if member.note is not None]
        if self.mask.source == "estimate":
            said.append(calibration(self.scale).sentence())
        if self.mask.source == "none":
            said.append("change masks say that nothing changed")
        return [note for note in said if note is not None]

    @property
    def knows_changes(self) -> bool:
        """Whether files say where the ground changed."""
        return "mask" in self.members

    def changed(self, index: int) -> npt.NDArray[np.bool_]:
        """(H, W): where files say that the ground of sample number `index`, whole, changed."""
        whole = self._whole(index)
        raw = self.members["mask"].store.read(self.keys[index])[: whole.height, : whole.width]
        changed: npt.NDArray[np.bool_] = changed_pixels(raw, self.mask.values)[:, :, 0]
        return changed

    @property
    def _delivered(self) -> list[str]:
        """The members that samples have from files, as they are stored."""
        composed = ("ref", "ref_down", "ref_weight") if self.composes else ()
        left_out = (*composed, *(("mask",) if self.mask.source != "file" else ()))
        return [name for name in self.members if name not in left_out]

    @property
    def composes(self) -> bool:
        """Whether Ref is more than what is stored: with a weight map, or faulty in some draws."""
        return "ref" in self.members and ("ref_weight" in self.members or self.weighted or self.faults.any)

    @property
    def registered_refs(self) -> RegisteredRefs | None:
        """How references are registered, if they are."""
        store = self.members["ref"].store if "ref" in self.members else None
        return store.source if isinstance(store, RegisteredStore) else None

    def serve(self, inputs: Sequence[str]) -> None:
        """From now on, samples have `ref_weight` if it is one of a network's inputs."""
        self.weighted = "ref_weight" in inputs

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, item: int | tuple[int, int]) -> Sample:
        index, draw = item if isinstance(item, tuple) else (item, None)
        return unpacked(self.packed(index, *self._cut(self._whole(index), index, draw), draw))

    def at(self, index: int, window: Window, flip_rotation: FlipRotation = UNTURNED) -> Sample:
        """Sample number `index` under a high-resolution window, flipped and rotated; its Ref is never faulty."""
        return unpacked(self.packed(index, window, flip_rotation))

    def packed(
        self, index: int, window: Window, flip_rotation: FlipRotation = UNTURNED, draw: int | None = None
    ) -> PackedSample:
        """The same sample as it is stored, with the values that become 0 and 1: bytes travel faster than floats."""
        images = {name: self._raw(name, index, window) for name in self._delivered}
        derive = [name for name in self.derive if not (self.composes and name == "ref_down")]
        images |= {made: (self._made(made, index, window, draw), UNIT) for made in derive}
        if self.composes:
            images |= {name: (one, UNIT) for name, one in self._reference(index, window, draw).items()}
        if self.mask.source in MADE_MASKS:
            images["mask"] = self._made_mask(index, window), UNIT
        return self.keys[index], {
            name: (torch.from_numpy(flip_rotation.planes(image)), low, high)
            for name, (image, (low, high)) in images.items()
        }

    def draw(self, index: int, draw: int) -> PackedSample:
        """Draw number `draw` of sample number `index`, packed."""
        return self.packed(index, *self._cut(self._whole(index), index, draw), draw)

    def _reference(self, index: int, window: Window, draw: int | None) -> dict[str, Unit]:
        """`ref` and what goes with it, under a window; in some draws another sample's, moved, or none."""
        if draw is None:
            return self.composed(index, self.weighted_ref(index), window)
        fault, source = self.faults.draw(self.seed, draw, index, len(self.keys))
        given = None if fault == "missing" else self.weighted_ref(source)
        right, down = self.faults.drawn_shift(self.seed, draw, index)
        if given is not None and (right, down) != (0, 0):
            given = replace(given, ref=shifted(given.ref, right, down))
        return self.composed(index, given, window, draw)

    def composed(
        self, index: int, given: WeightedRef | None, window: Window | None = None, draw: int | None = None
    ) -> dict[str, Unit]:
        """`ref` and what goes with it of sample number `index`, whole or under a window, from this Ref."""
        whole = self._whole(index)
        frame = Frame(lambda under: self._member("lr_up", index, under, draw), self.scale, whole.height, whole.width)
        ref_down = "ref_down" in (*self.members, *self.derive)
        return reference_members(given, frame, window or whole, self.weighted, ref_down)

    def stored_refs(self, index: int) -> list[Unit]:
        """The references of sample number `index`, whole: before registration, where this set registers them."""
        source, member, key = self.registered_refs, self.members["ref"], self.keys[index]
        if source is None:
            return [self._read("ref", index, self._whole(index))]
        found = []
        for raw in source.raw_refs(key):
            taken = np.ascontiguousarray(raw[:, :, member.taken(raw.shape[2], key)])
            found.append(to_unit(taken, *self._range("ref", key, str(raw.dtype))))
        return found

    def laid(self, index: int, refs: list[Unit]) -> tuple[WeightedRef, Records]:
        """Other references (of a perturbation), registered to sample number `index` where this set registers them.

        Else with the weight map of the stored Ref.
        """
        source = self.registered_refs
        if source is None:
            return WeightedRef(within(refs[0]), self.weighted_ref(index).weight), ()
        found = source.registered(self.keys[index], refs)
        return WeightedRef(within(to_unit(found.ref, *UNIT)), within(to_unit(found.weight, 0, 255))), found.records

    def weighted_ref(self, index: int) -> WeightedRef:
        """The Ref of a sample, mirrored beyond its edges, since it may be laid beside a larger HR."""
        whole = self._whole(index)

        def under(name: str) -> Under:
            return mirrored_on(lambda window: self._read(name, index, window), whole.height, whole.width)

        return WeightedRef(under("ref"), under("ref_weight") if "ref_weight" in self.members else everywhere)

    def _member(self, name: str, index: int, window: Window, draw: int | None = None) -> Unit:
        """A member, read where there are files of it, else made."""
        return self._read(name, index, window) if name in self.members else self._made(name, index, window, draw)

    def _whole(self, index: int) -> Window:
        """The whole of HR but for rows and columns at the bottom and right that do not fill the grid."""
        info = self.members["hr"].store.info(self.keys[index])
        return Window(0, 0, info.height // self.grid * self.grid, info.width // self.grid * self.grid)

    def _range(self, name: str, key: str, dtype: str) -> Range:
        member = self.members[name]
        return declared(dtype, member.range, member.where(key), "range_hsi" if name == "hsi" else "range")

    def _cut(self, whole: Window, index: int, draw: int | None) -> tuple[Window, FlipRotation]:
        if draw is None:
            return whole, UNTURNED
        cropping, window = self.cropping, whole
        if cropping.side is not None:
            window = draw_crop(
                self.seed, draw, index, whole.height, whole.width, cropping.side, self.grid, cropping.rule
            )
        return window, draw_flip_rotation(self.seed, draw, index, cropping.flip, cropping.rotate)

    def _read(self, name: str, index: int, window: Window) -> Unit:
        """A member under a high-resolution window, in [0, 1]."""
        raw, (low, high) = self._raw(name, index, window)
        return to_unit(raw, low, high)

    def _raw(self, name: str, index: int, window: Window) -> tuple[Array, Range]:
        """A member under a high-resolution window as it is stored, and the values that become 0 and 1."""
        member, key = self.members[name], self.keys[index]
        part = window.reduced(self.ratios[name])
        info = member.store.info(key)
        covers = part == Window(0, 0, info.height, info.width)
        raw = member.store.read(key, None if covers else part)
        if name == "mask":
            return encode_mask(raw, self.mask.encoding, self.mask.values, member.where(key)), UNIT
        if raw.dtype.kind == "f" and not np.isfinite(raw).all():
            raise DataError(f"{member.where(key)}: has pixels that are not finite; fill them first")
        bands = member.taken(raw.shape[2], key)
        chosen = raw if bands == list(range(raw.shape[2])) else raw[:, :, bands]
        limits = self._range(name, key, str(raw.dtype))
        if name not in self._told and (beyond := beyond_range(chosen, *limits)):
            self._told.add(name)
            LOG.warning("%s: %s (said once)", member.where(key), beyond)
        return chosen, limits

    def _made(self, name: str, index: int, window: Window, draw: int | None = None) -> Unit:
        """A member made from another."""
        whole = self._whole(index)
        if name == "lr" and self.degraded is not None:
            return self.degraded.under(window, index, draw, lambda: self._raw("hr", index, whole))

        def read(source: str, around: Window) -> Unit:
            return self._member(source, index, around, draw)

        return derived(name, read, window, self.scale, whole.height, whole.width)

    def _made_mask(self, index: int, window: Window) -> Unit:
        """The mask where none is read."""
        if self.mask.source == "none":
            return unchanged_mask(window.height, window.width, self.mask.encoding, self.mask.values)
        if index not in self._probabilities:
            whole = self._whole(index)

            lr, ref = (self._member(name, index, whole) for name in ("lr", "ref"))
            self._probabilities[index] = change_probability(lr, ref, self.scale)
        return mask_under(self._probabilities[index], self.scale, window).astype(np.float32)
