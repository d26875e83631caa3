"""The `network_G` and `network_D` sections: a name, and whatever keywords that network's constructor has."""

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
    """The network that restores."""

    which_model_G: str = Field(
        description="the network's name; the other keys are its constructor's", examples=["RRSNet"]
    )


class DiscriminatorOptions(NetworkOptions):
    """The network that judges; D_grad has the same build."""

    which_model_D: str = Field(
        description="the network's name; the other keys are its constructor's",
        examples=["discriminator_vgg_128"],
    )
