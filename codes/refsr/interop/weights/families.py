"""Which network a published file is for, found out by its keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from refsr.core.errors import DataError, UsageError
from refsr.interop.weights.conversion import Conversion
from refsr.interop.weights.discriminator import discriminator_options, import_discriminator
from refsr.interop.weights.reading import Published
from refsr.interop.weights.rgtnet import import_rgtnet, rgtnet_options
from refsr.interop.weights.rrsnet import import_rrsnet, rrsnet_options


@dataclass(frozen=True)
class Family:
    """A published network: any key that matches `mark` shows it, the first family of the list that does."""

    network: str
    model: str
    """The task that it is for."""
    mark: str
    options: Callable[..., dict[str, Any]]
    bring: Callable[..., tuple[nn.Module, Conversion]]
    readings: tuple[str, ...] = ()
    """Keywords of both functions that the tensors do not show."""

    def import_from(
        self, published: Mapping[str, Tensor], given: Mapping[str, str]
    ) -> tuple[dict[str, Any], Conversion]:
        """The constructor's keywords and the network's weights."""
        for name in given:
            if name not in self.readings:
                raise UsageError(f"{self.network} has no readings of {name} to choose from; leave it out")
        return self.options(published, **given), self.bring(published, **given)[1]


FAMILIES = (
    Family("RGTNet", "RGTNet_model", r"GTEM\.", rgtnet_options, import_rgtnet, ("offsets", "enlarge")),
    Family("RRSNet", "RRSNet_model", r"gpcd_align\.|Encoder_grad\.", rrsnet_options, import_rrsnet),
    Family("discriminator_vgg_128", "RGTGAN_model", r"conv[0-9]_[01]\.", discriminator_options, import_discriminator),
)


def family_of(source: Published) -> Family:
    """The family whose keys a file has."""
    for family in FAMILIES:
        if any(re.match(family.mark, key) for key in source.tensors):
            return family
    known = ", ".join(family.network for family in FAMILIES)
    first = next(iter(source.tensors))
    raise DataError(f"{source.name}: its keys ({first!r}, ...) are those of no network that is known here: {known}")
