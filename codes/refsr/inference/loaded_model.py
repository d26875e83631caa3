"""A model that restores: a network with its weights on a device, its task, and how it goes over tiles."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from refsr.core.errors import RefsrError, UsageError
from refsr.core.memory import is_out_of_memory
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.sampling import SamplingOptions, sampling_with
from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.sets.paired import MaskOptions
from refsr.inference.inputs import RestoreOptions
from refsr.inference.spread import SpreadIntervals
from refsr.inference.tile_io import TileSink, TileSource
from refsr.inference.tile_layout import Layout, automatic_tile_size
from refsr.inference.tile_memory import affordable_side
from refsr.inference.tiling import restore_tiles
from refsr.inference.trust_options import Trust, decide
from refsr.inference.trusted import trust_reach, trusted
from refsr.networks.descriptor import Descriptor, descriptor_of, farther, fastest_format
from refsr.runs.card_schema import CardTrust
from refsr.runs.model_file import ModelCard, weights_digest
from refsr.runs.onnx_network import OnnxNetwork
from refsr.tasks.base import TiledRestore
from refsr.tasks.restore import restore_function

Model = TypeVar("Model", bound="LoadedModel")


class LoadedModel:
    """A network with its weights, on a device, and what its card says of restoring with it."""

    def __init__(self, network: nn.Module, card: ModelCard, device: torch.device) -> None:
        self.network = network.eval()
        self.card = card
        """How the network is built, by which task it restores, and where its weights came from."""
        self.to(device)
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
    def digest(self) -> str:
        """SHA-256 of what the network computes: its weights, or an ONNX file."""
        return self.network.metadata.digest if isinstance(self.network, OnnxNetwork) else weights_digest(self.network)

    @property
    def samples(self) -> bool:
        """Whether its task samples, so that `sampling` and `seed` count."""
        return isinstance(restore_function(self.card.model), TiledRestore)

    @property
    def spread_intervals(self) -> SpreadIntervals | None:
        """The 90 % intervals by the spread over seeds; None where the model was not calibrated for them."""
        section = CardTrust.model_validate(dict(self.card.trust)).spread
        return None if section is None else SpreadIntervals.of(section)

    @property
    def sampling(self) -> SamplingOptions:
        """How it samples unless `restore` is asked otherwise: as its training run's options said."""
        return SamplingOptions(**self.card.sampling)

    def to(self: Model, device: str | torch.device) -> Model:
        """Moves the network to a device."""
        self.device = chosen_device(device)
        if isinstance(self.network, OnnxNetwork) and self.device.type != "cpu":
            raise UsageError(f"device {device}: refsr computes ONNX files on the CPU; the model file can use a GPU")
        self.network.to(self.device)
        self.network.to(memory_format=fastest_format(self.network, self.device))
        return self

    def _sampling(self, options: RestoreOptions) -> SamplingOptions:
        """The sampling of the model file with what the options say put over it."""
        sampling = options.sampling
        if sampling is not None and not self.samples:
            raise UsageError(f"{self.card.spec.network} restores in one pass and samples nothing")
        if not isinstance(sampling, SamplingOptions):
            sampling = sampling_with(self.sampling, sampling) if sampling else self.sampling
        return sampling if options.seed is None else sampling_with(sampling, {"seed": options.seed})

    def trust(self, options: RestoreOptions) -> Trust:
        """How a result is held to LR and to its reference: as asked for, else as the model's card says."""
        return decide(
            self.card.trust,
            options.consistent,
            options.response,
            options.ref_strength,
            not self.samples if options.guard is None else options.guard,
            options.evidence,
            options.spelling,
        )

    def descriptor(self, options: RestoreOptions) -> Descriptor:
        """The network's descriptor, whose halo has room for what is done to its result."""
        descriptor = descriptor_of(self.network)
        return farther(descriptor, trust_reach(descriptor, self.trust(options)))

    def tile_for(self, size: tuple[int, int], options: RestoreOptions) -> tuple[int | None, int]:
        """Tile and overlap in LR pixels for LR of a size: as asked for, else what the device's memory allows."""
        if options.tile is not None:
            return options.tile, options.overlap
        descriptor = self.descriptor(options)
        tile, overlap = automatic_tile_size(descriptor, *size)
        # The memory of tiles is measured by torch, which sees nothing of onnxruntime's.
        if tile is not None and not self.samples and not isinstance(self.network, OnnxNetwork):
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
        restore = trusted(restore_function(self.card.model, self._sampling(options)), self.trust(options))
        try:
            restore_tiles(restore, self.network, source, layout, sink, progress)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            side = max(row.seen[1] - row.seen[0] for row in (*layout.rows, *layout.columns))
            raise RefsrError(
                f"tiles of {side} pixels do not fit the memory of {self.device}; tile {max(1, side // 2)} needs less"
            ) from error


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
