"""A network inside another: given by a section as `network_G` is, its name and the keywords of its constructor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator
from torch import nn

from refsr.core.errors import UsageError
from refsr.core.registry import canonical
from refsr.networks.descriptor import build_network, resolved_keywords

NAME = "which_model_G"
OUTER = ("scale", "channels")
"""Keywords that are those of the network around it."""


def resolved_part(section: Mapping[str, Any]) -> dict[str, Any]:
    """The section with plain defaults filled in; a UsageError names what is wrong with it."""
    if not isinstance(section.get(NAME), str):
        raise UsageError(f"{NAME} is missing, the name of a network")
    name = canonical("network", section[NAME])
    keywords = {key: value for key, value in section.items() if key != NAME}
    given = [key for key in OUTER if key in keywords]
    if given:
        raise UsageError(f"{given[0]} is that of the network around it and is not given again")
    resolved = resolved_keywords(name, keywords)
    return {NAME: name, **{key: value for key, value in resolved.items() if key not in OUTER}}


def _valid(section: Mapping[str, Any]) -> dict[str, Any]:
    """The same for an option file's schema, which knows no other errors."""
    try:
        return resolved_part(section)
    except UsageError as error:
        raise ValueError(str(error)) from error


PartSpec = Annotated[Mapping[str, Any], AfterValidator(_valid)]


def build_part(where: str, section: Mapping[str, Any], **outer: int) -> nn.Module:
    """The network with fresh weights, with those of the `outer` keywords that its constructor has."""
    try:
        resolved = resolved_part(section)
        name = resolved.pop(NAME)
        known = resolved_keywords(name, {})
        return build_network(name, **resolved, **{key: value for key, value in outer.items() if key in known})
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
