"""A network's specification: its name in the name table and its constructor's keywords."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from refsr.core.options.network import NetworkOptions
from refsr.core.registry import canonical, resolve


@dataclass(frozen=True)
class NetworkSpec:
    """Enough to build a network without the option file that it came from."""

    network: str
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(section: NetworkOptions, scale: int) -> NetworkSpec:
        """The specification of the network that an option section names; networks that upsample get the run's scale."""
        name = canonical("network", section.which)
        # As a JSON file returns them, so that a resumed run finds them equal.
        keywords = json.loads(json.dumps(section.parameters))
        if "scale" in inspect.signature(resolve("network", name)).parameters:
            keywords["scale"] = scale
        return NetworkSpec(name, keywords)

    def build(self) -> nn.Module:
        """The network with fresh weights, drawn from torch's global random state."""
        network: nn.Module = resolve("network", self.network)(**self.keywords)
        return network
