"""The latent bank as a part of its own: which weights of a trained StyleGAN2 can stand for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from refsr.core.errors import DataError
from refsr.tasks.blueprint import NetworkSpec

KEY = "pretrain_bank"
"""Of the section `path`."""
PREFIX = "synthesis."
"""Of the bank's weights in a StyleGAN2."""


@dataclass(frozen=True)
class LatentBank:
    """The synthesis network inside of a generator, and how it enlarges."""

    module: nn.Module
    upsample: str

    def taken(self, blueprint: NetworkSpec, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The synthesis of a StyleGAN2 that enlarges alike; its mapping from draws to codes is not needed."""
        own = {key.removeprefix(PREFIX): one for key, one in weights.items() if key.startswith(PREFIX)}
        if not own:
            raise DataError(f"holds {blueprint.network}, expected StyleGAN2")
        trained = blueprint.keywords.get("upsample", "released")
        if trained != self.upsample:
            raise DataError(f"was trained with upsample {trained}, network_G.upsample is {self.upsample}")
        return own
