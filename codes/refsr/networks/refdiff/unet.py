"""The U-Net of Ref-Diff: a plain encoder, and a decoder with spatial feature transforms in every block."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from refsr.core.errors import UsageError, suggestion
from refsr.networks.refdiff.blocks import (
    SFT_WIDTH,
    BlockShape,
    ConditionFeatures,
    Conditions,
    DecoderBlock,
    DenoisingBlock,
    EncoderBlock,
    group_norm,
    init_blocks,
    xavier_init,
)
from refsr.networks.refdiff.layers import EmbeddingType, NoiseEmbedding, ResampledConv

EncoderType = Literal["standard", "residual", "skip"]
DecoderType = Literal["standard", "skip"]
ENCODERS = ("standard", "residual", "skip")
DECODERS = ("standard", "skip")
NEAR_ZERO = 1e-5
"""Init gain of the layers that give a block's residual and the output."""


@dataclass(frozen=True)
class UNetShape:
    """Constructor options of the U-Net, under their published names."""

    channels: int = 3
    mask_channels: int = 1
    model_channels: int = 128
    channel_mult: tuple[int, ...] = (2, 2, 2)
    channel_mult_emb: int = 4
    num_blocks: int = 4
    attn_resolutions: tuple[int, ...] = (16,)
    img_resolution: int = 256
    dropout: float = 0.2
    embedding_type: EmbeddingType = "positional"
    channel_mult_noise: int = 1
    encoder_type: EncoderType = "standard"
    decoder_type: DecoderType = "standard"
    resample_filter: tuple[int, ...] = (1, 1)
    transform_channels: int = SFT_WIDTH

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
        for channels in {self.model_channels * multiplier for multiplier in (1, *self.channel_mult)}:
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


class PreparedConditions(NamedTuple):
    """What the U-Net needs of the conditions; the same at every sampling step."""

    conditions: Conditions
    first_conv: Tensor
    """The conditions' part of the first convolution."""
    features: Mapping[str, ConditionFeatures]
    """Their part of each decoder block's SFTs, by the block's name; empty: computed when needed."""


class ConditionedUNet(nn.Module):
    """Noisy image (B, C, H, W), noise label (B,), conditions -> (B, C, H, W); sides are multiples of `multiple`."""

    def __init__(self, shape: UNetShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.model_channels * shape.channel_mult_emb
        self.embedding = NoiseEmbedding(shape.model_channels * shape.channel_mult_noise, width, shape.embedding_type)
        in_channels = 3 * shape.channels + shape.mask_channels
        self.conv_in = nn.Conv2d(in_channels, shape.model_channels, 3, padding=1)
        # Modules named by level and kind, in the order of use.
        self.encoder = nn.ModuleDict()
        skips = self._build_encoder(in_channels)
        self.decoder = nn.ModuleDict()
        self.output = nn.ModuleDict()
        self._build_decoder(skips)
        self._init_weights()

    def _build_encoder(self, in_channels: int) -> list[int]:
        """Returns the channels of each skip connection to the decoder."""
        shape = self.shape
        aux = in_channels
        current, skips = shape.model_channels, [shape.model_channels]
        for level, multiplier in enumerate(shape.channel_mult):
            if level:
                self.encoder[f"{level}_down"] = EncoderBlock(current, current, shape.block, "down")
                skips.append(current)
                taps = shape.resample_filter
                if shape.encoder_type == "skip":
                    self.encoder[f"{level}_aux_down"] = ResampledConv(aux, aux, 0, "down", taps)
                    self.encoder[f"{level}_aux_skip"] = ResampledConv(aux, current, 1)
                elif shape.encoder_type == "residual":
                    self.encoder[f"{level}_aux_residual"] = ResampledConv(aux, current, 3, "down", taps, fused=True)
                    aux = current
            for number in range(shape.num_blocks):
                width = shape.model_channels * multiplier
                block = EncoderBlock(current, width, shape.block, attention=shape.attends(level))
                self.encoder[f"{level}_block{number}"] = block
                current = width
                skips.append(current)
        return skips

    def _build_decoder(self, skips: list[int]) -> None:
        shape = self.shape
        lowest = len(shape.channel_mult) - 1
        structure = texture = shape.channels + shape.mask_channels
        current = skips[-1]
        skips = list(skips)
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
                block = DecoderBlock(current + skips.pop(), width, shape.block, None, attention, structure, texture)
                self.decoder[f"{level}_block{number}"] = block
                current = width
            if shape.decoder_type == "skip" or level == 0:
                if shape.decoder_type == "skip" and level < lowest:
                    channels, taps = shape.channels, shape.resample_filter
                    self.output[f"{level}_aux_up"] = ResampledConv(channels, channels, 0, "up", taps)
                self.output[f"{level}_aux_norm"] = group_norm(current)
                self.output[f"{level}_aux_conv"] = nn.Conv2d(current, shape.channels, 3, padding=1)

    def _init_weights(self) -> None:
        for layer in (self.embedding.first, self.embedding.second, self.conv_in):
            xavier_init(layer)
        for part in self.encoder.values():
            if isinstance(part, ResampledConv) and part.conv is not None:
                xavier_init(part.conv)
        blocks: Sequence[DenoisingBlock] = [one for one in self.modules() if isinstance(one, DenoisingBlock)]
        init_blocks(blocks, NEAR_ZERO)
        for part in self.output.values():
            if isinstance(part, nn.Conv2d):
                xavier_init(part, NEAR_ZERO)

    def prepare(self, conditions: Conditions, convolved: bool = True) -> PreparedConditions:
        """The conditions' share, the same at every step; without `convolved` only the part that needs little memory."""
        first_conv = F.conv2d(torch.cat(conditions, dim=1), self.conv_in.weight[:, self.shape.channels :], padding=1)
        if not convolved:
            return PreparedConditions(conditions, first_conv, {})
        height, width = conditions.lr_up.shape[-2:]
        features: dict[str, ConditionFeatures] = {}
        for name, block in self.decoder.items():
            if isinstance(block, DecoderBlock):
                level = int(name.split("_")[0]) + (block.resample == "up")
                features[name] = block.condition_features(conditions, height >> level, width >> level)
        return PreparedConditions(conditions, first_conv, features)

    def forward(self, noisy: Tensor, label: Tensor, prepared: PreparedConditions) -> Tensor:
        embedding = self.embedding(label)
        skips = self._encode(noisy, embedding, prepared)
        x = skips[-1]
        result: Tensor | None = None
        for name, block in self.decoder.items():
            level, _, kind = name.partition("_")
            if kind.startswith("block"):
                x = torch.cat((x, skips.pop()), dim=1)
            x = block(x, embedding, prepared.conditions, prepared.features.get(name))
            if kind == f"block{self.shape.num_blocks}" and f"{level}_aux_norm" in self.output:
                if result is not None:
                    result = self.output[f"{level}_aux_up"](result)
                image = self.output[f"{level}_aux_conv"](F.silu(self.output[f"{level}_aux_norm"](x)))
                result = image if result is None else result + image
        assert result is not None
        return result

    def _encode(self, noisy: Tensor, embedding: Tensor, prepared: PreparedConditions) -> list[Tensor]:
        """The skip connections to the decoder."""
        own = self.conv_in.weight[:, : self.shape.channels]
        x = F.conv2d(noisy, own, self.conv_in.bias, padding=1) + prepared.first_conv
        skips = [x]
        aux = noisy
        if self.shape.encoder_type != "standard":
            aux = torch.cat((noisy, *prepared.conditions), dim=1)
        for name, part in self.encoder.items():
            kind = name.partition("_")[2]
            if kind == "aux_down":
                aux = part(aux)
            elif kind == "aux_skip":
                x = skips[-1] = x + part(aux)
            elif kind == "aux_residual":
                x = skips[-1] = aux = (x + part(aux)) * math.sqrt(0.5)
            else:
                x = part(x, embedding)
                skips.append(x)
        return skips
