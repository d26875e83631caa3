"""The `network_G` and `network_D` sections: a network's name, and the keywords of its constructor."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from refsr.core.options.section import Section
from refsr.core.registry import canonical


class NetworkOptions(Section):
    """A network by name; every other key is a keyword of its constructor and is checked against that."""

    model_config = ConfigDict(extra="allow")

    @property
    def which(self) -> str:
        """The network's name in its first spelling."""
        return canonical("network", getattr(self, next(iter(type(self).model_fields))))

    @property
    def parameters(self) -> dict[str, Any]:
        """The keywords for the constructor."""
        return dict(self.model_extra or {})


class GeneratorOptions(NetworkOptions):
    """The generator, the network that restores."""

    which_model_G: str = Field(
        description="name of the network; all other keys are keywords of its constructor", examples=["RRSNet"]
    )


class DiscriminatorOptions(NetworkOptions):
    """The discriminator; that of image gradients, D_grad, is the same network."""

    which_model_D: str = Field(
        description="name of the network; all other keys are keywords of its constructor",
        examples=["discriminator_vgg_128"],
    )
