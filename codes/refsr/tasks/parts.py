"""Parts of a generator: which of them are frozen, and which start from another network's weights."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.options.schema import Options
from refsr.core.registry import resolve
from refsr.networks.descriptor import NetworkSpec, descriptor_of, resolved_keywords
from refsr.networks.part import NAME, OUTER, resolved_part
from refsr.tasks.base import SubNetwork

STARTING = ("base", "front")
"""Parts with an option of their own for their start weights, `path.pretrain_...`."""


def freeze_parts(network: nn.Module, parts: Sequence[str]) -> None:
    """Takes no gradients of these parts from now on; a UsageError names one that the network lacks."""
    known = dict(network.named_children())
    for part in parts:
        if part not in known:
            raise UsageError(
                f"train.freeze: {type(network).__name__} has no part {part!r}{suggestion(part, known)} "
                f"(it has {', '.join(known)})"
            )
        known[part].requires_grad_(False)


def starting_parts(network: nn.Module, options: Options) -> dict[str, SubNetwork]:
    """The parts of a network that may start from weights of their own, by their keys in the section `path`."""
    known = dict(network.named_children())
    keywords = options.network_G.parameters
    return {
        f"pretrain_{name}": Part(
            name, known[name], type(network).__name__, keywords[name], descriptor_of(known[name]).scale
        )
        for name in STARTING
        if name in known and name in keywords
    }


@dataclass(frozen=True)
class Part:
    """A part by its name in the network around it, and its section there."""

    name: str
    module: nn.Module
    outer: str
    section: Mapping[str, Any]
    scale: int

    def select_weights(self, spec: NetworkSpec, weights: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Those of the same part of such a network, or all of a model of the part's own network."""
        if type(self.module) is resolve("network", spec.network):
            self._require_same(spec.keywords)
            return weights
        prefix = f"{self.name}."
        own = {key.removeprefix(prefix): one for key, one in weights.items() if key.startswith(prefix)}
        if spec.network != self.outer or not own:
            raise DataError(f"holds {spec.network}, expected {self.section[NAME]} or {self.outer} with a {self.name}")
        section = resolved_part(spec.keywords[self.name])
        if section[NAME] != self.section[NAME]:
            raise DataError(f"its {self.name} is {section[NAME]}, network_G.{self.name} is {self.section[NAME]}")
        outer = {key: spec.keywords[key] for key in OUTER if key in spec.keywords}
        # A front works at LR's own size, whatever the scale around it.
        self._require_same(section | outer | ({"scale": 1} if self.scale == 1 else {}))
        return own

    def _require_same(self, keywords: Mapping[str, Any]) -> None:
        """A DataError unless keywords are those of this part: equal shapes do not make equal functions."""
        wanted = resolved_part(self.section)
        given = {key: value for key, value in keywords.items() if key != NAME}
        if given.get("scale", self.scale) != self.scale:
            raise DataError(f"was trained at scale {given['scale']}, not {self.scale}")
        found = as_json(resolved_keywords(wanted.pop(NAME), given))
        for key, value in as_json(wanted).items():
            if found[key] != value:
                raise DataError(f"was trained with {key} {found[key]}, network_G.{self.name}.{key} is {value}")


def as_json(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords as a file returns them: without tuples."""
    found: dict[str, Any] = json.loads(json.dumps(dict(keywords)))
    return found
