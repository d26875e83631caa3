"""The latent bank as a sub-network: which weights of a trained StyleGAN2 it starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from refsr.core.errors import DataError
from refsr.networks.descriptor import NetworkSpec

KEY = "pretrain_bank"
"""Its key in the option section `path`."""
PREFIX = "synthesis."
"""Prefix of the bank's weights in a StyleGAN2."""


@dataclass(frozen=True)
class LatentBank:
    """The synthesis network inside a generator, and its way of upsampling."""

    module: nn.Module
    upsample: str

    def select_weights(self, spec: NetworkSpec, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The synthesis network of a StyleGAN2 with the same upsampling; its mapping network is not needed."""
        own = {key.removeprefix(PREFIX): one for key, one in weights.items() if key.startswith(PREFIX)}
        if not own:
            raise DataError(f"holds {spec.network}, expected StyleGAN2")
        trained = spec.keywords.get("upsample", "released")
        if trained != self.upsample:
            raise DataError(f"was trained with upsample {trained}, network_G.upsample is {self.upsample}")
        return own
