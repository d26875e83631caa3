"""A restorer: a network with its weights on a device, which makes arrays, tensors and image files sharp."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor, nn

from refsr.core.errors import RefsrError, UsageError
from refsr.core.memory import is_out_of_memory
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.sampling import SamplingOptions, sampling_with
from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.core.registry import DEFAULT_MODEL
from refsr.data.images import Array
from refsr.data.masks import MadeMask
from refsr.data.ranges import Range
from refsr.data.sets.paired import MaskOptions
from refsr.geo.raster_source import RasterLike
from refsr.inference.agreement import check_headers
from refsr.inference.inputs import ImageLike, Input, RestoreOptions, Spelling, open_inputs
from refsr.inference.raster_options import RasterOptions, raster_options
from refsr.inference.tensors import as_tensor, is_tensors, split_tensors
from refsr.inference.tile_io import InputSource, TensorSink, TileSink, TileSource
from refsr.inference.tile_layout import Layout, automatic_tile_size, lay_out
from refsr.inference.tile_memory import affordable_side
from refsr.inference.tiling import restore_tiles
from refsr.networks.descriptor import descriptor_of
from refsr.registration.options import Mode
from refsr.runs.model_file import ModelCard, model_file_at, read_model
from refsr.tasks.base import TiledRestore
from refsr.tasks.restore import restore_function

LOG = logging.getLogger(__name__)

ROWS_AT_ONCE = 256


class Restorer:
    """A network with its weights, on a device, and how its task restores with it.

    >>> restorer = refsr.load("rrsnet-small-x4", device="cpu")
    >>> restorer
    Restorer(RRSNet, ..., scale=4; takes lr, lr_up, ref, ref_down; on cpu)
    >>> restorer.scale, restorer.channels
    (4, 3)
    """

    def __init__(self, network: nn.Module, card: ModelCard, device: torch.device) -> None:
        self.network = network.eval().to(device)
        self.card = card
        """How the network is built, by which task it restores, and where its weights came from."""
        self.device = device
        self.mask_options = MaskOptions(**card.masks)
        """How change masks become numbers, as in training; published ones are grey values."""
        self.cube_options = DatasetOptions(mode="hyperspectral", **card.cubes)
        """How cubes are read, as in training; published ones are 8 bits in all their bands."""

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
        """Whether its task samples, so that `sampling` and `seed` count."""
        return isinstance(restore_function(self.card.model), TiledRestore)

    @property
    def sampling(self) -> SamplingOptions:
        """How it samples unless `restore` is asked otherwise: as its training run's options said."""
        return SamplingOptions(**self.card.sampling)

    def __repr__(self) -> str:
        keywords = "".join(f", {name}={value}" for name, value in self.card.spec.keywords.items())
        return f"Restorer({self.card.spec.network}{keywords}; takes {', '.join(self.inputs)}; on {self.device})"

    def to(self, device: str | torch.device) -> Restorer:
        """Moves the network to a device."""
        self.device = chosen_device(device)
        self.network.to(self.device)
        return self

    @overload
    def restore(
        self,
        lr: Array | str | Path,
        ref: ImageLike | Sequence[RasterLike] | None = None,
        *,
        output: None = None,
        **options: Any,
    ) -> Array: ...
    @overload
    def restore(self, lr: Tensor, ref: Tensor | None = None, *, output: None = None, **options: Any) -> Tensor: ...
    @overload
    def restore(
        self,
        lr: ImageLike | RasterLike,
        ref: ImageLike | Sequence[RasterLike] | None = None,
        *,
        output: str | Path,
        **options: Any,
    ) -> Path: ...
    def restore(  # type: ignore[misc]  # the overloads leave the names of options to this signature
        self,
        lr: ImageLike | Tensor | RasterLike,
        ref: ImageLike | Tensor | RasterLike | Sequence[RasterLike] | None = None,
        *,
        lr_up: ImageLike | Tensor | None = None,
        ref_down: ImageLike | Tensor | None = None,
        mask: ImageLike | Tensor | None = None,
        hsi: ImageLike | Tensor | None = None,
        range: Range | None = None,
        range_ref: Range | None = None,
        range_hsi: Range | None = None,
        bands: Sequence[int | str] | None = None,
        bands_ref: Sequence[int | str] | None = None,
        bands_hsi: Sequence[int] | None = None,
        made_mask: MadeMask | None = None,
        mask_options: MaskOptions | None = None,
        tile: int | None = None,
        overlap: int = 0,
        sampling: SamplingOptions | Mapping[str, Any] | None = None,
        seed: int | None = None,
        bits: Literal[16] | None = None,
        register: Mode | None = None,
        raster: RasterOptions | Mapping[str, Any] | None = None,
        device: str | torch.device | None = None,
        output: str | Path | None = None,
        overwrite: bool = False,
        progress: ProgressFactory = no_progress,
    ) -> Array | Tensor | Path:
        """(h, w[, C]) and what else the network takes -> (s*h, s*w[, C]), as the kind that `lr` is.

        - Arrays (H, W) or (H, W, C) in uint8, uint16 or float32 give an array of LR's type and range.
        - Image files give an array of LR's type and range. With `output` the result is written there instead, as
          `refsr restore` writes it, and its path is returned; `overwrite` replaces a file that is there. Files and
          arrays may be mixed.
        - Rasters may lie on any grids: names of whatever GDAL opens, open rasterio datasets, or xarray DataArrays with
          the rio accessor (which give a DataArray). `ref` may be a list; at each pixel the first with data counts.
          `raster` holds their options, such as {"nodata": 0, "format": "gtiff"}. With `output` they are restored block
          by block in bounded memory, and a repeated call continues an interrupted one.
        - Tensors (C, H, W) or (B, C, H, W) of floats in [0, 1] give a tensor of LR's type on LR's device. They do not
          mix with arrays or files. A mask is uint8 with one channel. Images of a batch are restored one by one.

        `range` are the raw values of LR that become 0 and 1, which arrays of 16 bits need and rasters find by
        themselves. `bands` are those taken of LR, counted from 1; of rasters also by description or colour. A reference
        of the same type has the same range, one with as many bands the same bands, unless `range_ref` and `bands_ref`
        say otherwise. Without a mask, `made_mask` "estimate" estimates one and "none" says that nothing changed; a mask
        becomes numbers as in training, or by `mask_options`. A cube's file is read as in training, but for `range_hsi`
        and `bands_hsi`. Large images are restored in tiles; `tile` and `overlap`, in pixels of LR, say which.

        `register` says how Ref is registered to LR: "auto", "global" (an affine transform), "local" (a displacement at
        each pixel on top), or "none", which pairs Ref with LR as it lies. The default is "auto" for arrays, files and
        rasters, and "none" for tensors. A Ref that shows other ground is refused: LR is restored without a reference.

        `bits` 16 gives the result of 8-bit LR in 16 bits, 0 to 65535 (images in memory only).

        `sampling` sets options of models that sample, such as {"steps": 8}, and `seed` their noise (default: 0); a
        model that does not sample gives the same image for any seed. With `device` the network moves there first.

        >>> lr, ref = np.zeros((24, 32, 3), np.uint8), np.zeros((96, 128, 3), np.uint8)
        >>> restorer = refsr.load("rrsnet-small-x4", device="cpu")
        >>> restorer.restore(lr, ref).shape
        (96, 128, 3)
        >>> restorer.restore(torch.rand(3, 24, 32), torch.rand(3, 96, 128)).shape
        torch.Size([3, 96, 128])
        """
        given = {"ref": ref, "lr_up": lr_up, "ref_down": ref_down, "mask": mask, "hsi": hsi}
        images: dict[str, Any] = {"lr": lr} | {role: image for role, image in given.items() if image is not None}
        options = RestoreOptions(
            range=range,
            range_ref=range_ref,
            range_hsi=range_hsi,
            bands=bands,
            bands_ref=bands_ref,
            bands_hsi=bands_hsi,
            made_mask=made_mask,
            mask_options=mask_options,
            tile=tile,
            overlap=overlap,
            sampling=sampling,
            seed=seed,
            bits=bits,
            register=register,
            raster=raster_options(raster),
        )
        if device is not None:
            self.to(device)
        if is_tensors(images):
            if output is not None:
                raise UsageError("output goes with arrays and files; the result of tensors is a tensor")
            if options.range_hsi is None:
                options = replace(options, range_hsi=(0, 1))
            options = replace(options, register=options.register or "none")
            restored = [self.restore_images(one, options, progress) for one in split_tensors(images)]
            return as_tensor(restored, images["lr"])
        if output is not None:
            from refsr.inference.files import restore_file

            restore_file(self, images, Path(output), options, overwrite, progress)
            return Path(output)
        from refsr.inference.raster_inputs import as_rasters, raster_list

        if as_rasters(self, images, options, None):
            from refsr.inference.rasters import restore_to_memory

            source, *refs = raster_list(images)
            made: Array = restore_to_memory(self, source, refs, options, progress)
            return made
        return self.restore_images(images, options, progress)

    def restore_images(
        self,
        images: Mapping[str, ImageLike],
        options: RestoreOptions,
        progress: ProgressFactory = no_progress,
        announce: Announce = LOG.info,
    ) -> Array:
        """The same for arrays and files by role (`lr`, `ref`, ...), with everything else in `options`.

        `announce` gets the line that says how Ref was registered.
        """
        if options.made_mask is not None and not self.takes_mask:
            takes = ", ".join(self.inputs)
            raise UsageError(f"mask {options.made_mask}: {self.card.spec.network} takes {takes}, and no mask")
        check_headers(images, options, descriptor_of(self.network))
        masks, cubes, weighted = self.mask_options, self.cube_options, "ref_weight" in self.inputs
        lines: list[str] = []
        inputs = open_inputs(images, options, self.scale, masks, cubes, lines.append, weighted)
        source = InputSource(inputs, descriptor_of(self.network), self.card.spec.network, options.spelling)
        # Now that nothing is missing: a mistake is one line.
        for line in lines:
            announce(line)
        like = widened(inputs["lr"], options.spelling) if options.bits == 16 else inputs["lr"]
        restored = in_range(self._restored(source, inputs["lr"].size, options, progress), like)
        flat = isinstance(images["lr"], np.ndarray) and images["lr"].ndim == 2
        return restored[:, :, 0] if flat else restored

    def spread(
        self,
        lr: ImageLike,
        ref: ImageLike | None = None,
        *,
        samples: int = 8,
        progress: ProgressFactory = no_progress,
        **options: Any,
    ) -> tuple[Array, Array]:
        """The image as `restore` has it, and (s*h, s*w) in its units: the standard deviation over `samples` seeds.

        It is the root of the mean square over bands, and large where LR and Ref leave the image open. The seeds are
        `seed` and those that follow it.
        """
        roles = ("ref", "lr_up", "ref_down", "mask", "hsi")
        images = {"lr": lr, "ref": ref} | {role: options.pop(role) for role in roles if role in options}
        there = {role: image for role, image in images.items() if image is not None or role == "lr"}
        return self.spread_images(there, RestoreOptions(**options), samples, progress)

    def spread_images(
        self,
        images: Mapping[str, ImageLike],
        options: RestoreOptions,
        samples: int = 8,
        progress: ProgressFactory = no_progress,
        announce: Announce = LOG.info,
    ) -> tuple[Array, Array]:
        """The same for images by role, with everything else in `options`."""
        if samples < 2:
            raise UsageError(f"a spread over {samples} samples: expected 2 or more")
        first = self._sampling(options).seed or 0
        restored: list[Array] = []
        mean = square = np.zeros(())
        for number in range(samples):
            say = announce if number == 0 else LOG.debug
            image = self.restore_images(images, replace(options, seed=first + number), progress, say)
            restored = restored or [image]
            # As numbers about the first image, whose squares lose nothing.
            apart = image.astype(np.float64) - restored[0].astype(np.float64)
            mean, square = mean + apart / samples, square + apart**2 / samples
        variance = np.maximum(square - mean**2, 0) * samples / (samples - 1)
        planes = variance if variance.ndim == 3 else variance[:, :, None]
        return restored[0], np.sqrt(planes.mean(axis=2)).astype(np.float32)

    def _sampling(self, options: RestoreOptions) -> SamplingOptions:
        """The sampling of the model file with what the options say put over it."""
        sampling = options.sampling
        if sampling is not None and not self.samples:
            raise UsageError(f"{self.card.spec.network} restores in one pass and samples nothing")
        if not isinstance(sampling, SamplingOptions):
            sampling = sampling_with(self.sampling, sampling) if sampling else self.sampling
        return sampling if options.seed is None else sampling_with(sampling, {"seed": options.seed})

    def tile_for(self, size: tuple[int, int], options: RestoreOptions) -> tuple[int | None, int]:
        """Tile and overlap in LR pixels for LR of a size: as asked for, else what the device's memory allows."""
        if options.tile is not None:
            return options.tile, options.overlap
        descriptor = descriptor_of(self.network)
        tile, overlap = automatic_tile_size(descriptor, *size)
        if tile is not None and not self.samples:
            side = affordable_side(self.network, restore_function(self.card.model), self.device)
            tile, overlap = automatic_tile_size(descriptor, *size, side)
        return tile, options.overlap or overlap

    def restore_layout(
        self,
        source: TileSource,
        layout: Layout,
        sink: TileSink,
        options: RestoreOptions,
        progress: ProgressFactory = no_progress,
    ) -> None:
        """Restores the tiles of a layout from `source` to `sink`."""
        restore = restore_function(self.card.model, self._sampling(options))
        try:
            restore_tiles(restore, self.network, source, layout, sink, progress)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            side = max(row.seen[1] - row.seen[0] for row in (*layout.rows, *layout.columns))
            raise RefsrError(
                f"tiles of {side} pixels do not fit the memory of {self.device}; tile {max(1, side // 2)} needs less"
            ) from error

    def _restored(
        self, source: InputSource, size: tuple[int, int], options: RestoreOptions, progress: ProgressFactory
    ) -> Array:
        """The restored image (s*h, s*w, C) in [0, 1]."""
        height, width = (self.scale * side for side in size)
        layout = lay_out(descriptor_of(self.network), source.sizes, *self.tile_for(size, options))
        sink = TensorSink(height, width, dtype=torch.float32)
        self.restore_layout(source, layout, sink, options, progress)
        image: Array = sink.image[0].permute(1, 2, 0).numpy()
        return image


def load(path: str | Path | None = None, device: str | torch.device | None = None) -> Restorer:
    """The restorer of a model file, a run's folder or a name; `refsr.load` is this."""
    if path is None:
        path = DEFAULT_MODEL
    if not isinstance(path, (str, Path)):
        raise UsageError(f"a model is named by a path or a name, not by a {type(path).__name__}")
    network, card = read_model(model_file_at(path))
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


def widened(lr: Input, spelling: Spelling = str) -> Input:
    """What an image of 8 bits is like with 16: 0 to 65535."""
    if lr.pixels.dtype != np.uint8:
        raise UsageError(f"{spelling('bits')} 16: is for LR of 8 bits; {lr.name} is {lr.pixels.dtype} and stays so")
    return replace(lr, pixels=np.empty((0, 0, lr.pixels.shape[2]), np.uint16), range=(0, 65535))


def in_range(unit: Array, like: Input) -> Array:
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
