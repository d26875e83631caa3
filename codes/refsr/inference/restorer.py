"""A model file as something that restores: arrays or files in, an array of the same kind out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from refsr.core.errors import RefsrError, UsageError
from refsr.core.options.cubes import CubeOptions
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.sampling import SamplingOptions
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.images import Array
from refsr.data.masks import MadeMask
from refsr.data.ranges import Range
from refsr.data.sample import Unit
from refsr.data.sets.paired import MaskOptions
from refsr.inference.inputs import (
    Given,
    ImageLike,
    InputSource,
    Reading,
    Spelling,
    make_mask,
    opened,
    opened_cube,
    read_mask,
)
from refsr.inference.tile_layout import automatic, lay_out
from refsr.inference.tiling import pieces
from refsr.runs.model_file import ModelCard, model_file_at, read_model
from refsr.tasks.base import TilesWithin
from refsr.tasks.inference import descriptor_of, restoring

ROWS_AT_ONCE = 256


class Restorer:
    """A network with its weights, on a device, and how its task restores with it."""

    def __init__(self, network: nn.Module, card: ModelCard, device: torch.device) -> None:
        self.network = network.eval().to(device)
        self.card = card
        """How the network is built, by which task it restores, and where its weights came from."""
        self.device = device
        self.sampling = SamplingOptions(**card.sampling)
        """How images are sampled, by tasks that do."""
        self.mask_reading = MaskOptions(**card.masks)
        """How change masks become numbers, as the network learnt them; published ones are grey values."""
        self.cube_reading = DatasetOptions(mode="hyperspectral", **card.cubes)
        """How cubes are read, as the network learnt them; published ones are 8 bits in all their bands."""
        self.spelling: Spelling = str
        """How messages name the keywords of `restore`."""

    @property
    def scale(self) -> int:
        """High-resolution pixels along the side of one of LR."""
        return descriptor_of(self.network).scale

    @property
    def channels(self) -> int:
        """Bands of LR and Ref."""
        return descriptor_of(self.network).channels

    @property
    def inputs(self) -> tuple[str, ...]:
        """What the network takes; `lr_up` and `ref_down` are made where they are not given."""
        return descriptor_of(self.network).inputs

    @property
    def takes_mask(self) -> bool:
        """Whether a result depends on where the ground changed."""
        return "mask" in self.inputs

    @property
    def samples(self) -> bool:
        """Whether its task samples, so that `sampling` counts."""
        return isinstance(restoring(self.card.model, self.sampling), TilesWithin)

    def __repr__(self) -> str:
        keywords = "".join(f", {name}={value}" for name, value in self.card.blueprint.keywords.items())
        return f"Restorer({self.card.blueprint.network}{keywords}; takes {', '.join(self.inputs)}; on {self.device})"

    def restore(
        self,
        lr: ImageLike,
        ref: ImageLike | None = None,
        *,
        lr_up: ImageLike | None = None,
        ref_down: ImageLike | None = None,
        mask: ImageLike | None = None,
        hsi: ImageLike | None = None,
        range: Range | None = None,
        range_ref: Range | None = None,
        range_hsi: Range | None = None,
        bands: Sequence[int] | None = None,
        bands_ref: Sequence[int] | None = None,
        bands_hsi: Sequence[int] | None = None,
        made_mask: MadeMask | None = None,
        mask_reading: MaskOptions | None = None,
        tile: int | None = None,
        overlap: int = 0,
        progress: ProgressFactory = no_progress,
    ) -> Array:
        """(h, w[, C]) and what else the network takes -> (s*h, s*w[, C]) in the type and range of `lr`.

        `range` are the raw values of LR that become 0 and 1, which 16 bits need, and `bands` those taken of it, counted
        from 1; a reference of the same type has the same range, one with as many bands the same bands, unless
        `range_ref` and `bands_ref` say otherwise. Without a mask, `made_mask` estimates one, or says that nothing
        changed; a mask becomes numbers as the network learnt it, or by `mask_reading`. A cube's file is read as those
        that the network learnt with, but for `range_hsi` and `bands_hsi`. Large images are restored in tiles; `tile`
        and `overlap`, in pixels of LR, say which.
        """
        image = opened(lr, "lr", Reading(range, bands), option=self.spelling("range"))
        images = {"lr": image}
        reference = Reading(range_ref, bands_ref)
        for role, other, reading, option in (
            ("lr_up", lr_up, Reading(), "range"),
            ("ref", ref, reference, "range_ref"),
            ("ref_down", ref_down, reference, "range_ref"),
        ):
            if other is not None:
                images[role] = opened(other, role, reading, image, self.spelling(option))
        coding = mask_reading or self.mask_reading
        if mask is not None:
            images["mask"] = read_mask(mask, coding)
        elif made_mask is not None:
            self._check_mask(made_mask)
            images["mask"] = make_mask(made_mask, images, self.scale, coding)
        if hsi is not None:
            images["hsi"] = opened_cube(hsi, self._cubes(range_hsi, bands_hsi), self.spelling("range_hsi"))
        source = InputSource(images, descriptor_of(self.network), self.card.blueprint.network, self.spelling)
        restored = in_kind(self._unit(source, image.size, tile, overlap, progress), image)
        return restored[:, :, 0] if isinstance(lr, np.ndarray) and lr.ndim == 2 else restored

    def spread(
        self,
        lr: ImageLike,
        ref: ImageLike | None = None,
        *,
        samples: int = 8,
        progress: ProgressFactory = no_progress,
        **how: Any,
    ) -> tuple[Array, Array]:
        """The image as `restore` has it, and (s*h, s*w) in its units: how far images of several seeds lie apart.

        It is the deviation over `samples` images, the root of the mean square over bands: large where the model makes
        up what LR and Ref do not tell.
        """
        if samples < 2:
            raise UsageError(f"a spread over {samples} samples: expected 2 or more")
        asked, first = self.sampling, self.sampling.seed or 0
        images: list[Array] = []
        mean = square = np.zeros(())
        try:
            for number in range(samples):
                self.sampling = asked.model_copy(update={"seed": first + number})
                image = self.restore(lr, ref, progress=progress, **how)
                images = images or [image]
                # As numbers about the first image, whose squares lose nothing.
                apart = image.astype(np.float64) - images[0].astype(np.float64)
                mean, square = mean + apart / samples, square + apart**2 / samples
        finally:
            self.sampling = asked
        variance = np.maximum(square - mean**2, 0) * samples / (samples - 1)
        planes = variance if variance.ndim == 3 else variance[:, :, None]
        return images[0], np.sqrt(planes.mean(axis=2)).astype(np.float32)

    def _cubes(self, limits: Range | None, bands: Sequence[int] | None) -> DatasetOptions:
        """How a cube is read: as learnt, unless its raw values or its bands are told."""
        learnt, section = self.cube_reading, self.cube_reading.hsi or CubeOptions()
        if limits is not None:
            section = section.model_copy(update={"divide_by": None, "clip": None})
            learnt = learnt.model_copy(update={"range_hsi": list(limits)})
        if bands is not None:
            section = section.model_copy(update={"band_ranges": None, "wavelengths": None, "wavelength_ranges": None})
            learnt = learnt.model_copy(update={"bands_hsi": list(bands)})
        return learnt.model_copy(update={"hsi": section})

    def _check_mask(self, made: MadeMask) -> None:
        if not self.takes_mask:
            takes = ", ".join(self.inputs)
            raise UsageError(f"mask {made}: {self.card.blueprint.network} takes {takes}, and no mask")

    def _unit(
        self, source: InputSource, size: tuple[int, int], tile: int | None, overlap: int, progress: ProgressFactory
    ) -> Unit:
        """The restored image in [0, 1], written tile by tile."""
        height, width = (self.scale * side for side in size)
        descriptor = descriptor_of(self.network)
        if tile is None:
            tile, automatic_overlap = automatic(descriptor, *size)
            overlap = overlap or automatic_overlap
        layout = lay_out(descriptor, source.sizes, tile, overlap)
        result = np.zeros((height, width, self.channels), np.float32)
        try:
            for piece in pieces(restoring(self.card.model, self.sampling), self.network, source, layout, progress):
                part = piece.image[0].float().permute(1, 2, 0).cpu().numpy()
                result[piece.top : piece.top + part.shape[0], piece.left : piece.left + part.shape[1]] += part
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            side = tile or max(size)
            raise RefsrError(
                f"tiles of {side} pixels do not fit the memory of {self.device}; tile {max(1, side // 2)} needs less"
            ) from error
        return result


def load(path: str | Path, device: str | torch.device | None = None) -> Restorer:
    """The restorer of a model file, a checkpoint's folder or a run's (its best checkpoint, else its newest).

    Weights that come along are called by their names, which refsr info lists. Without a device: the GPU, where there
    is one.
    """
    network, card = read_model(model_file_at(Path(path)))
    return Restorer(network, card, chosen_device(device))


def chosen_device(wanted: str | torch.device | None) -> torch.device:
    """The device asked for, or the best there is."""
    if wanted is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UsageError(f"device {wanted!r} is not known; cpu, cuda or cuda:1 would be") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UsageError(f"device {wanted}: this machine has {torch.cuda.device_count()} GPUs that torch can use")
    return device


def in_kind(unit: Unit, like: Given) -> Array:
    """(H, W, C) in [0, 1] -> the type and range of another image; integers are rounded, halves to even."""
    low, high = like.range
    result: Array = np.empty(unit.shape, like.pixels.dtype)
    limits = np.iinfo(result.dtype) if result.dtype.kind == "u" else None
    for top in range(0, len(unit), ROWS_AT_ONCE):
        rows = unit[top : top + ROWS_AT_ONCE].clip(0, 1) * np.float32(high - low) + np.float32(low)
        if limits is not None:
            rows = np.clip(np.rint(rows), limits.min, limits.max)
        result[top : top + ROWS_AT_ONCE] = rows
    return result


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or "can't allocate memory" in str(error)
