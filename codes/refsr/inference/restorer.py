"""A restorer: a network with its weights on a device, which makes arrays, tensors and image files sharp."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.core.options.sampling import SamplingOptions
from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.core.registry import DEFAULT_MODEL, ONNX_SUFFIX
from refsr.data.cubes.reading import cube_hints
from refsr.data.images import Array
from refsr.data.masks import MadeMask
from refsr.data.ranges import Range
from refsr.data.sets.paired import MaskOptions
from refsr.geo.raster_source import RasterLike
from refsr.inference.agreement import check_headers
from refsr.inference.display import facts
from refsr.inference.evidence import BESIDE, UNCERTAINTY, bands_of
from refsr.inference.inputs import ImageLike, Input, RestoreOptions, Spelling, open_inputs
from refsr.inference.loaded_model import LoadedModel, chosen_device
from refsr.inference.raster_options import RasterOptions, raster_options
from refsr.inference.spread import SAMPLES, Spread
from refsr.inference.tensors import as_tensor, is_tensors, split_tensors
from refsr.inference.tile_io import InputSource, TensorSink
from refsr.inference.tile_layout import lay_out
from refsr.inference.trust_options import Consistent
from refsr.networks.descriptor import descriptor_of
from refsr.registration.options import Mode
from refsr.runs.model_file import model_file_at, read_model
from refsr.runs.onnx_file import read_onnx

LOG = logging.getLogger(__name__)

ROWS_AT_ONCE = 256


class Restorer(LoadedModel):
    """A network with its weights, on a device, which restores arrays, tensors and files as its task does.

    >>> restorer = refsr.load("rrsnet-small-x4", device="cpu")
    >>> restorer
    Restorer(RRSNet, ..., scale=4; takes lr, lr_up, ref, ref_down; on cpu)
    >>> restorer.scale, restorer.channels
    (4, 3)
    """

    def __repr__(self) -> str:
        keywords = "".join(f", {name}={value}" for name, value in self.card.spec.keywords.items())
        return f"Restorer({self.card.spec.network}{keywords}; takes {', '.join(self.inputs)}; on {self.device})"

    def _repr_html_(self) -> str:
        """The facts of its card, for a notebook's cell."""
        origin = {key: value for key, value in self.card.origin.items() if not isinstance(value, dict)}
        weights = sum(parameter.numel() for parameter in self.network.parameters())
        rows = {
            "network": self.card.spec.network,
            "task": self.card.model,
            "takes": f"{', '.join(self.inputs)}; {self.channels} bands, x{self.scale}",
            "parameters": f"{weights:,}",
            "trained as": ", ".join(f"{key} {value}" for key, value in origin.items()) or "not known",
            "on": self.device,
        }
        return facts("refsr.Restorer", rows.items())

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
        consistent: Consistent | None = None,
        response: str | None = None,
        ref_strength: float = 1.0,
        guard: bool | None = None,
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

        `consistent` holds the result to LR: reduced by the sensor's `response` ("bicubic", "box" or "mtf:0.3") it is LR
        again ("hard"), or nearer to it ("soft"); "off" leaves the network's result. `ref_strength` is how much of what
        the reference brings is added, from 0 to 1. `guard` leaves out of it what contradicts LR, by a
        second pass without Ref; it is on unless the model samples.

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
            consistent=consistent,
            response=response,
            ref_strength=ref_strength,
            guard=guard,
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
        return self.explained_images(images, options, progress, announce)[0]

    def explained(
        self,
        lr: ImageLike,
        ref: ImageLike | None = None,
        *,
        progress: ProgressFactory = no_progress,
        **options: Any,
    ) -> tuple[Array, dict[str, Array]]:
        """The image as `restore` has it, and evidence of it by name, (s*h, s*w) each.

        `borrowed` is the share of the detail beyond upsampled LR that the reference brought, `coverage` the weight of
        the reference, `change` the estimated probability that the ground changed since, all from 0 to 1.
        `uncertainty`, of models that were calibrated, is half the width of the 90 % interval in the image's units.

        >>> lr, ref = np.zeros((24, 32, 3), np.uint8), np.zeros((96, 128, 3), np.uint8)
        >>> image, evidence = refsr.load("refsr-x4-fast", device="cpu").explained(lr, ref)
        >>> evidence["borrowed"].shape
        (96, 128)
        """
        images, chosen = self._by_role(lr, ref, options)
        image, planes = self.explained_images(images, replace(chosen, evidence=True), progress)
        names = bands_of(self.trust(chosen))
        return image, {name: planes[:, :, index] for index, name in enumerate(names)}

    def explained_images(
        self,
        images: Mapping[str, ImageLike],
        options: RestoreOptions,
        progress: ProgressFactory = no_progress,
        announce: Announce = LOG.info,
    ) -> tuple[Array, Array]:
        """The image of images by role, and its evidence (s*h, s*w, planes), which has none unless `options` ask for it.

        The planes are those of `evidence.bands_of`; the half-width is in the image's units.
        """
        if options.made_mask is not None and not self.takes_mask:
            takes = ", ".join(self.inputs)
            raise UsageError(f"mask {options.made_mask}: {self.card.spec.network} takes {takes}, and no mask")
        masks, cubes, weighted = self.mask_options, self.cube_options, "ref_weight" in self.inputs
        check_headers(images, options, descriptor_of(self.network), cube_hints(cubes))
        lines: list[str] = []
        inputs = open_inputs(images, options, self.scale, masks, cubes, lines.append, weighted)
        beside = BESIDE if options.evidence else ()
        source = InputSource(inputs, descriptor_of(self.network), self.card.spec.network, options.spelling, beside)
        # Now that nothing is missing: a mistake is one line.
        for line in lines:
            announce(line)
        like = widened(inputs["lr"], options.spelling) if options.bits == 16 else inputs["lr"]
        made = self._restored(source, inputs["lr"].size, options, progress)
        restored = in_range(made[:, :, : self.channels], like)
        evidence = in_units(made[:, :, self.channels :], like.range[1] - like.range[0])
        flat = isinstance(images["lr"], np.ndarray) and images["lr"].ndim == 2
        return (restored[:, :, 0] if flat else restored), evidence

    def spread(
        self,
        lr: ImageLike,
        ref: ImageLike | None = None,
        *,
        samples: int = SAMPLES,
        progress: ProgressFactory = no_progress,
        **options: Any,
    ) -> tuple[Array, Array]:
        """The image as `restore` has it, and (s*h, s*w) in its units: the standard deviation over `samples` seeds.

        It is the root of the mean square over bands, and large where LR and Ref leave the image open. The seeds are
        `seed` and those that follow it. `spread_intervals` of a calibrated model make half-widths of intervals of it.
        """
        images, chosen = self._by_role(lr, ref, options)
        return self.spread_images(images, chosen, samples, progress)

    @staticmethod
    def _by_role(
        lr: ImageLike, ref: ImageLike | None, options: dict[str, Any]
    ) -> tuple[dict[str, ImageLike], RestoreOptions]:
        """Images by role, and the other keywords of a call."""
        roles = ("ref", "lr_up", "ref_down", "mask", "hsi")
        images = {"lr": lr, "ref": ref} | {role: options.pop(role) for role in roles if role in options}
        there = {role: image for role, image in images.items() if image is not None or role == "lr"}
        return there, RestoreOptions(**options)

    def spread_images(
        self,
        images: Mapping[str, ImageLike],
        options: RestoreOptions,
        samples: int = SAMPLES,
        progress: ProgressFactory = no_progress,
        announce: Announce = LOG.info,
    ) -> tuple[Array, Array]:
        """The same for images by role, with everything else in `options`."""
        if samples < 2:
            raise UsageError(f"a spread over {samples} samples: expected 2 or more")
        first = self._sampling(options).seed or 0
        spread = Spread()
        for number in range(samples):
            say = announce if number == 0 else LOG.debug
            spread.add(self.restore_images(images, replace(options, seed=first + number), progress, say))
        return spread.first, spread.deviation

    def _restored(
        self, source: InputSource, size: tuple[int, int], options: RestoreOptions, progress: ProgressFactory
    ) -> Array:
        """The restored image (s*h, s*w, C) in [0, 1], with the planes of evidence behind its bands if asked for."""
        height, width = (self.scale * side for side in size)
        layout = lay_out(self.descriptor(options), source.sizes, *self.tile_for(size, options))
        sink = TensorSink(height, width, dtype=torch.float32)
        self.restore_layout(source, layout, sink, options, progress)
        image: Array = sink.image[0].permute(1, 2, 0).numpy()
        return image


def load(path: str | Path | None = None, device: str | torch.device | None = None) -> Restorer:
    """The restorer of a model file, a run's folder, a name or an ONNX file; `refsr.load` is this.

    ONNX files are those that `refsr export --onnx` wrote; they are computed on the CPU.
    """
    if path is None:
        path = DEFAULT_MODEL
    if not isinstance(path, (str, Path)):
        raise UsageError(f"a model is named by a path or a name, not by a {type(path).__name__}")
    file = model_file_at(path)
    if file.suffix == ONNX_SUFFIX:
        return Restorer(*read_onnx(file), chosen_device(device or "cpu"))
    network, card = read_model(file)
    return Restorer(network, card, chosen_device(device))


def widened(lr: Input, spelling: Spelling = str) -> Input:
    """What an image of 8 bits is like with 16: 0 to 65535."""
    if lr.pixels.dtype != np.uint8:
        raise UsageError(f"{spelling('bits')} 16: is for LR of 8 bits; {lr.name} is {lr.pixels.dtype} and stays so")
    return replace(lr, pixels=np.empty((0, 0, lr.pixels.shape[2]), np.uint16), range=(0, 65535))


def in_units(evidence: Array, span: float) -> Array:
    """Planes of evidence with the half-width in units of an image whose range spans so much."""
    found = np.array(evidence, np.float32)
    if found.shape[2] > UNCERTAINTY:
        found[:, :, UNCERTAINTY] *= np.float32(span)
    return found


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
