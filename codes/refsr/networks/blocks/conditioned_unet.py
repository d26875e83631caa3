"""The U-Net of a denoiser: a plain encoder, a decoder that looks at conditions in every block."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion
from refsr.networks.blocks.denoising_blocks import (
    HIDDEN,
    BlockShape,
    Conditions,
    DecoderBlock,
    DenoisingBlock,
    EncoderBlock,
    Seen,
    drawn,
    drawn_blocks,
    group_norm,
)
from refsr.networks.blocks.noise_embedding import NoiseEmbedding, Waves
from refsr.networks.blocks.resampled_conv import ResampledConv

EncoderType = Literal["standard", "residual", "skip"]
DecoderType = Literal["standard", "skip"]
ENCODERS = ("standard", "residual", "skip")
DECODERS = ("standard", "skip")
STILL = 1e-5
"""Size of fresh weights where a block's change and the output begin."""


@dataclass(frozen=True)
class UNetShape:
    """Widths, depths and choices of the network, in the published words."""

    channels: int = 3
    mask_channels: int = 1
    model_channels: int = 128
    channel_mult: tuple[int, ...] = (2, 2, 2)
    channel_mult_emb: int = 4
    num_blocks: int = 4
    attn_resolutions: tuple[int, ...] = (16,)
    img_resolution: int = 256
    dropout: float = 0.2
    embedding_type: Waves = "positional"
    channel_mult_noise: int = 1
    encoder_type: EncoderType = "standard"
    decoder_type: DecoderType = "standard"
    resample_filter: tuple[int, ...] = (1, 1)
    transform_channels: int = HIDDEN

    def __post_init__(self) -> None:
        for name, chosen, known in (
            ("encoder_type", self.encoder_type, ENCODERS),
            ("decoder_type", self.decoder_type, DECODERS),
        ):
            if chosen not in known:
                hint = suggestion(str(chosen), known)
                raise UsageError(f"{name} {chosen!r} is not known{hint} (known: {', '.join(known)})")
        if self.model_channels < 4 or self.model_channels % 2:
            raise UsageError(f"model_channels is {self.model_channels}, expected an even number from 4 on")
        if not self.channel_mult or min(self.channel_mult) < 1:
            raise UsageError(
                f"channel_mult is {list(self.channel_mult)}, expected a factor of 1 or more for each level"
            )
        for channels in {self.model_channels * times for times in (1, *self.channel_mult)}:
            if channels % min(32, channels // 4):
                raise UsageError(f"a level of {channels} channels is not a whole number of groups; 64 would be")
        if self.transform_channels < 1:
            raise UsageError(f"transform_channels is {self.transform_channels}, expected 1 or more")
        if len(self.resample_filter) % 2 or not self.resample_filter:
            raise UsageError(f"resample_filter is {list(self.resample_filter)}, expected an even number of taps")

    @property
    def multiple(self) -> int:
        """Sides must be multiples of this."""
        return 1 << (len(self.channel_mult) - 1)

    @property
    def block(self) -> BlockShape:
        embedding = self.model_channels * self.channel_mult_emb
        return BlockShape(embedding, self.dropout, self.resample_filter, hidden=self.transform_channels)

    def attends(self, level: int) -> bool:
        return (self.img_resolution >> level) in self.attn_resolutions


class Prepared(NamedTuple):
    """All that a denoiser's steps need of conditions, and that does not change from step to step."""

    conditions: Conditions
    entered: Tensor
    """Their share of the first convolution."""
    seen: Mapping[str, Seen]
    """Their share of the first convolutions of each decoder block's transforms; empty: made when needed."""


class ConditionedUNet(nn.Module):
    """Noisy image (B, C, H, W), noise label (B,), conditions -> (B, C, H, W); sides are multiples of `multiple`."""

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.model_channels * shape.channel_mult_emb
        self.embedding = NoiseEmbedding(shape.model_channels * shape.channel_mult_noise, width, shape.embedding_type)
        joined = 3 * shape.channels + shape.mask_channels
        self.enter = nn.Conv2d(joined, shape.model_channels, 3, padding=1)
        # Parts by the level and what they are; in the order of use.
        self.encoder = nn.ModuleDict()
        left = self._build_encoder(joined)
        self.decoder = nn.ModuleDict()
        self.leave = nn.ModuleDict()
        self._build_decoder(left)
        self._draw()

    def _build_encoder(self, joined: int) -> list[int]:
        """Returns the widths of what each step leaves for the decoder."""
        shape = self.shape
        beside = joined
        current, left = shape.model_channels, [shape.model_channels]
        for level, times in enumerate(shape.channel_mult):
            if level:
                self.encoder[f"{level}_down"] = EncoderBlock(current, current, shape.block, "down")
                left.append(current)
                taps = shape.resample_filter
                if shape.encoder_type == "skip":
                    self.encoder[f"{level}_shrink"] = ResampledConv(beside, beside, 0, "down", taps)
                    self.encoder[f"{level}_add"] = ResampledConv(beside, current, 1)
                elif shape.encoder_type == "residual":
                    self.encoder[f"{level}_merge"] = ResampledConv(beside, current, 3, "down", taps, fused=True)
                    beside = current
            for number in range(shape.num_blocks):
                width = shape.model_channels * times
                block = EncoderBlock(current, width, shape.block, attention=shape.attends(level))
                self.encoder[f"{level}_block{number}"] = block
                current = width
                left.append(current)
        return left

    def _build_decoder(self, left: list[int]) -> None:
        shape = self.shape
        lowest = len(shape.channel_mult) - 1
        structure = texture = shape.channels + shape.mask_channels
        current = left[-1]
        left = list(left)
        for level in range(lowest, -1, -1):
            if level == lowest:
                for number in range(2):
                    self.decoder[f"{level}_in{number}"] = DecoderBlock(
                        current, current, shape.block, None, number == 0, structure, texture
                    )
            else:
                self.decoder[f"{level}_up"] = DecoderBlock(
                    current, current, shape.block, "up", False, structure, texture
                )
            for number in range(shape.num_blocks + 1):
                width = shape.model_channels * shape.channel_mult[level]
                attention = number == shape.num_blocks and shape.attends(level)
                block = DecoderBlock(current + left.pop(), width, shape.block, None, attention, structure, texture)
                self.decoder[f"{level}_block{number}"] = block
                current = width
            if shape.decoder_type == "skip" or level == 0:
                if shape.decoder_type == "skip" and level < lowest:
                    channels, taps = shape.channels, shape.resample_filter
                    self.leave[f"{level}_up"] = ResampledConv(channels, channels, 0, "up", taps)
                self.leave[f"{level}_norm"] = group_norm(current)
                self.leave[f"{level}_conv"] = nn.Conv2d(current, shape.channels, 3, padding=1)

    def _draw(self) -> None:
        for layer in (self.embedding.first, self.embedding.second, self.enter):
            drawn(layer)
        for part in self.encoder.values():
            if isinstance(part, ResampledConv) and part.conv is not None:
                drawn(part.conv)
        blocks: Sequence[DenoisingBlock] = [one for one in self.modules() if isinstance(one, DenoisingBlock)]
        drawn_blocks(blocks, STILL)
        for part in self.leave.values():
            if isinstance(part, nn.Conv2d):
                drawn(part, STILL)

    def prepare(self, conditions: Conditions, convolved: bool = True) -> Prepared:
        """What is the same in every step; without `convolved`, only what costs no memory to keep."""
        entered = F.conv2d(torch.cat(conditions, dim=1), self.enter.weight[:, self.shape.channels :], padding=1)
        if not convolved:
            return Prepared(conditions, entered, {})
        height, width = conditions.lr_up.shape[-2:]
        seen: dict[str, Seen] = {}
        for name, block in self.decoder.items():
            if isinstance(block, DecoderBlock):
                level = int(name.split("_")[0]) + (block.resample == "up")
                seen[name] = block.look(conditions, height >> level, width >> level)
        return Prepared(conditions, entered, seen)

    def forward(self, noisy: Tensor, label: Tensor, prepared: Prepared) -> Tensor:
        embedding = self.embedding(label)
        left = self._encode(noisy, embedding, prepared)
        x = left[-1]
        result: Tensor | None = None
        for name, block in self.decoder.items():
            level, _, kind = name.partition("_")
            if kind.startswith("block"):
                x = torch.cat((x, left.pop()), dim=1)
            x = block(x, embedding, prepared.conditions, prepared.seen.get(name))
            if kind == f"block{self.shape.num_blocks}" and f"{level}_norm" in self.leave:
                if result is not None:
                    result = self.leave[f"{level}_up"](result)
                image = self.leave[f"{level}_conv"](F.silu(self.leave[f"{level}_norm"](x)))
                result = image if result is None else result + image
        assert result is not None
        return result

    def _encode(self, noisy: Tensor, embedding: Tensor, prepared: Prepared) -> list[Tensor]:
        """What each step of the encoder leaves."""
        own = self.enter.weight[:, : self.shape.channels]
        x = F.conv2d(noisy, own, self.enter.bias, padding=1) + prepared.entered
        left = [x]
        beside = noisy
        if self.shape.encoder_type != "standard":
            beside = torch.cat((noisy, *prepared.conditions), dim=1)
        for name, part in self.encoder.items():
            kind = name.partition("_")[2]
            if kind == "shrink":
                beside = part(beside)
            elif kind == "add":
                x = left[-1] = x + part(beside)
            elif kind == "merge":
                x = left[-1] = beside = (x + part(beside)) * math.sqrt(0.5)
            else:
                x = part(x, embedding)
                left.append(x)
        return left
