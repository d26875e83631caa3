"""How a network is made again: its name in the table and its constructor's keywords."""

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
    """Enough to build a network without the option file it came from."""

    network: str
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(section: NetworkOptions, scale: int) -> NetworkSpec:
        """The network that a section names; those that enlarge get the run's scale."""
        name = canonical("network", section.which)
        # As a file would give them back, so that a run that goes on finds them equal.
        keywords = json.loads(json.dumps(section.parameters))
        if "scale" in inspect.signature(resolve("network", name)).parameters:
            keywords["scale"] = scale
        return NetworkSpec(name, keywords)

    def build(self) -> nn.Module:
        """The network with fresh weights, drawn from torch's current state."""
        network: nn.Module = resolve("network", self.network)(**self.keywords)
        return network
