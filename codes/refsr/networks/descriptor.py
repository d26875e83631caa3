"""A network from outside: how it is built by its name, and what it declares of its inputs, scale and halo."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import nn

from refsr.core.errors import UsageError, suggestion
from refsr.core.registry import canonical, resolve

if TYPE_CHECKING:
    from refsr.core.options.network import NetworkOptions

INPUTS = ("lr", "lr_up", "ref", "ref_down", "ref_weight", "mask", "hsi", "base")
"""The members of a sample that a network may take, in the order of its forward arguments."""


@dataclass(frozen=True)
class Descriptor:
    """The contract of a network's forward pass; sizes are in LR pixels."""

    scale: int
    channels: int
    inputs: tuple[str, ...]
    multiple: int = 1
    """Both sides of LR must be multiples of this; callers pad by reflection and crop the result."""
    halo: int | None = None
    """How far the receptive field reaches beyond a pixel, offsets of deformable layers left out; None: the whole image,
    so tiles are never exact."""
    context: int | None = None
    """Without a halo: LR pixels around a tile that leave its result near to that of the whole image."""
    tile_grid: int = 1
    """Tiles begin at multiples of this many LR pixels, so that a network's windows lie as in the whole image."""
    stochastic: bool = False
    """A diffusion denoiser: forward takes the noisy image and the noise level before the inputs."""
    safe_dtypes: tuple[torch.dtype, ...] = (torch.float32, torch.bfloat16)
    """Types that autocast may use: the error is rounding only."""
    side: int | None = None
    """LR has this many pixels a side and no other size; larger images are restored in patches."""
    hsi_bands: int = 0
    """Bands of the hyperspectral cube, on LR's grid."""
    latent_size: int = 0
    """An unconditional generator: forward takes normal latents (B, latent_size) before the inputs, if any."""
    stages: int = 1
    """With `every_stage=True`, forward returns this many images, the result first; the loss takes all of them."""
    channels_last: bool = False
    """On a CPU its convolutions are faster with the channels last in memory; results differ by rounding."""
    optional: tuple[str, ...] = ()
    """Members that forward takes by keyword where a sample has them, and makes itself where not: they save time."""

    def __post_init__(self) -> None:
        unknown = {*self.inputs, *self.optional} - set(INPUTS)
        if unknown:
            raise ValueError(f"inputs {sorted(unknown)} are no members of a sample")


def farther(descriptor: Descriptor, beyond: int) -> Descriptor:
    """The descriptor with so many more LR pixels that a result depends on."""
    halo, context = (None if one is None else one + beyond for one in (descriptor.halo, descriptor.context))
    return replace(descriptor, halo=halo, context=context)


@runtime_checkable
class DescribedNetwork(Protocol):
    """A network with a descriptor."""

    @property
    def descriptor(self) -> Descriptor: ...


def descriptor_of(network: nn.Module) -> Descriptor:
    """The network's descriptor; a UsageError if it has none."""
    if not isinstance(network, DescribedNetwork):
        raise UsageError(f"{type(network).__name__} has no descriptor, so its inputs and scale are unknown")
    return network.descriptor


def fastest_format(network: nn.Module, device: torch.device) -> torch.memory_format:
    """How the weights of a network lie in memory where its forward pass is fastest on a device."""
    described = isinstance(network, DescribedNetwork) and network.descriptor.channels_last
    return torch.channels_last if described and device.type == "cpu" else torch.contiguous_format


@dataclass(frozen=True)
class NetworkSpec:
    """Enough to build a network without the option file that it came from: its name and its constructor's keywords."""

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


def build_network(name: str, **keywords: Any) -> nn.Module:
    """The network of a name with fresh weights, drawn from torch's global random state.

    A UsageError names an unknown name or keyword, and what would be right.

    >>> network = refsr.build_network("RRSNet", n_blocks=1)
    >>> network.descriptor.scale
    4
    """
    resolved_keywords(name, keywords)
    network = NetworkSpec(name, keywords).build()
    if not isinstance(network, nn.Module):
        raise UsageError(f"{name}: gives a {type(network).__name__}, not a network (torch.nn.Module)")
    return network


def resolved_keywords(name: str, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of a network's constructor with plain defaults filled in; a UsageError names a wrong one."""
    from refsr.core.options.network_keys import check_keywords, keyword_schema
    from refsr.core.options.section import fields_of

    if not isinstance(name, str):
        raise UsageError(f"a network is called by its name, not by a {type(name).__name__}")
    schema = keyword_schema(name)
    known = fields_of(schema)
    resolved, errors = check_keywords(schema, keywords)
    for error in errors:
        key = ".".join(map(str, error["loc"]))
        if error["type"] == "extra_forbidden":
            raise UsageError(f"{name}: unknown keyword {key!r}{suggestion(key, known)} (it has {', '.join(known)})")
        if error["type"] == "value_error":
            raise UsageError(f"{name}: {key}: {error['ctx']['error']}")
        raise UsageError(f"{name}: {key} is {error['input']!r}: {error['msg'][:1].lower()}{error['msg'][1:]}")
    return resolved
