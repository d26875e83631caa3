"""A scene of rasters as a tile source: LR, and the references laid on its fine grid, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.core.window import Window
from refsr.data.change.estimate import change_where
from refsr.data.derivation import MARGIN, derived
from refsr.geo.grid import Grid
from refsr.geo.raster_source import RasterSource
from refsr.geo.references import References
from refsr.geo.scope import Scope
from refsr.geo.validity import Mask, filled, filled_from
from refsr.geo.value_range import ValueRange
from refsr.inference.findings import lr_findings
from refsr.inference.scene_registration import RegisteredRaster
from refsr.inference.tile_layout import Sizes
from refsr.networks.descriptor import Descriptor

Unit = npt.NDArray[np.float32]

FILL = 48
"""Pixels of LR around a block that holes in it are filled from: twice what networks see."""
ROOM = 2 * MARGIN
"""Pixels of LR around a block that resizing sees."""
TURNED = 1.5
"""Times as many rows are needed of references whose rows are not LR's: enough for any turn."""
SUPPORTED = ("lr", "lr_up", "ref", "ref_down", "ref_weight")
"""Members that are made for a scene; networks that take a change mask or a cube restore images in memory."""


@dataclass(frozen=True)
class Scene:
    """LR with the raw values that become 0 and 1, its fine grid, and the references, if any, on that grid."""

    lr: RasterSource
    range: ValueRange
    grid: Grid
    """Of the restored raster: LR's, finer by the scale."""
    references: References | None = None
    reference_sources: Sequence[RasterSource] = ()
    """The rasters of `references`, in their order."""
    scope: Scope | None = None
    """The part of `lr` that is asked for, in pixels of `lr`, which holds some more around it."""
    registrations: Sequence[RegisteredRaster] = ()
    """How each was registered to LR."""

    def close(self) -> None:
        for source in (self.lr, *self.reference_sources):
            source.close()


class SceneSource:
    """Tiles of a scene. `load` reads a block and derives what the network takes; `cut` takes tiles out of it.

    LR's holes are filled from a reference where one counts, else from around, so that the network sees no edge there.
    Where no reference counts, the network gets the enlarged LR in its place, or a weight of 0 if it takes the weight.
    `beside` are members that evidence is made of; changes are estimated within a block.
    """

    def __init__(self, scene: Scene, descriptor: Descriptor, beside: Sequence[str] = ()) -> None:
        unknown = [name for name in descriptor.inputs if name not in SUPPORTED]
        if unknown:
            raise UsageError(
                f"networks that take {', '.join(unknown)} restore images in memory, and no rasters by blocks"
            )
        self.scene, self.scale = scene, descriptor.scale
        self._taken = descriptor.inputs if "lr" in descriptor.inputs else ("lr", *descriptor.inputs)
        self._weighted = "ref_weight" in self._taken
        self._beside = [name for name in beside if name not in self._taken]
        if scene.references is None and "ref" in self._taken and not self._weighted:
            raise UsageError("a reference (ref) is missing: the network takes one")
        if scene.references is not None and "ref" not in self._taken:
            raise UsageError(f"the network takes {', '.join(descriptor.inputs)}, and no reference (ref)")
        self.found: dict[str, float] = {}
        """What was found in the kept part of the loaded block: see `findings.py`."""
        self._block = Window(0, 0, 0, 0)
        self._members: dict[str, Unit] = {}
        self.valid: Mask = np.zeros((0, 0), bool)
        """Where the loaded block of LR holds data."""

    @property
    def sizes(self) -> Sizes:
        lr = self.scene.lr
        large = lr.height * self.scale, lr.width * self.scale
        return {name: (lr.height, lr.width) if name == "lr" else large for name in (*self._taken, *self._beside)}

    def reads(self, seen: int) -> list[tuple[RasterSource, float]]:
        """The rasters, and how many of their rows a block needs that sees so many of LR's."""
        rows = seen + 2 * FILL
        found: list[tuple[RasterSource, float]] = [(self.scene.lr, rows)]
        if self.scene.references is not None:
            pairs = zip(self.scene.reference_sources, self.scene.references.references, strict=True)
            found += [(source, TURNED * rows * self.scale * one.raster.sides[1]) for source, one in pairs]
        return found

    def load(self, block: Window, kept: Window) -> None:
        """Reads a block of LR (a window of it) with all members; `kept` is the part whose pixels are counted."""
        whole = self.scene.lr.window
        around = block.grown(max(FILL, ROOM)).common(whole)
        raw, valid = self.scene.lr.read(around)
        self.found = lr_findings(raw[kept.within(around)], valid[kept.within(around)], self.scene.range)
        low = self.scene.range.unit(filled(raw, valid))
        np.clip(low, 0, 1, out=low)
        low[~np.isfinite(low)] = 0
        self._block, self.valid = block, valid[block.within(around)]
        ref, weight = None, None
        room = block.grown(ROOM).common(whole)
        if self.scene.references is not None:
            # Holes are filled from references, so these are needed as far as holes are filled from.
            extent = room if valid.all() else around
            ref, weight = self.scene.references.read(extent.times(self.scale))
            np.clip(ref, 0, 1, out=ref)
            if not valid.all():
                low = filled_from(ref, weight, low, valid, self.scale)
                inner = room.times(self.scale).within(extent.times(self.scale))
                ref, weight = np.ascontiguousarray(ref[inner]), weight[inner]
        self._members = {"lr": low[block.within(around)]}
        if self._beside or len(self._taken) > 1 or self._taken[0] != "lr":
            self._derive(low, around, room, kept, ref, weight)

    def cut(self, window: Window) -> dict[str, Tensor]:
        found = {}
        for name in (*self._taken, *self._beside):
            scale = 1 if name == "lr" else self.scale
            rows, columns = window.times(scale).within(self._block.times(scale))
            part = self._members[name][rows, columns]
            found[name] = torch.from_numpy(np.array(part.transpose(2, 0, 1), order="C"))[None]
        return found

    def _derive(
        self, low: Unit, around: Window, room: Window, kept: Window, ref: Unit | None, weight: Unit | None
    ) -> None:
        """The members at the fine grid, with ROOM more around them than the block has, for what is made of those."""
        scale, whole, block = self.scale, self.scene.lr.window, self._block
        height, width = whole.height * scale, whole.width * scale

        def read_lr(_: str, window: Window) -> Unit:
            return low[window.reduced(scale).within(around)]

        up = derived("lr_up", read_lr, room.times(scale), scale, height, width)
        inner = block.times(scale).within(room.times(scale))
        self._members["lr_up"] = up[inner]
        if ref is None or weight is None:
            if not (self._weighted or self._beside):
                return
            ref, weight = up, np.zeros(up.shape[:2], np.float32)
        if "change" in self._beside:
            reached = low[room.within(around)]
            self._members["change"] = change_where(reached, ref, weight, scale)[inner][:, :, None]
        if not self._weighted and (weight < 1).any():
            ref *= weight[:, :, None]
            ref += up * (1 - weight[:, :, None])
        self._members["ref"] = ref[inner]
        if self._weighted or "ref_weight" in self._beside:
            self._members["ref_weight"] = weight[inner][:, :, None]
        known = self.valid[kept.within(block)].repeat(scale, 0).repeat(scale, 1)
        counted = weight[kept.times(scale).within(room.times(scale))]
        self.found["covered"] = float(counted.sum(where=known, dtype=np.float64)) / scale**2
        if "ref_down" in self._taken:

            def read_ref(_: str, window: Window) -> Unit:
                return ref[window.within(room.times(scale))]

            self._members["ref_down"] = derived("ref_down", read_ref, block.times(scale), scale, height, width)
