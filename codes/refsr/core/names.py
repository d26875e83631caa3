"""The one table of names: what an option file may call for, and where it is.

A name stands beside "module:attribute", which is imported when it is used. `None` marks a published name whose
implementation is not part of this version. A value without a colon is another name of the table: a second spelling.
"""

from __future__ import annotations

import importlib
from typing import Any

from refsr.core.errors import NotBuiltError, UsageError, suggestion

NAMES: dict[str, dict[str, str | None]] = {
    "network": {
        "RRSNet": "refsr.networks.rrsnet:RRSNet",
        "RGTNet": "refsr.networks.rgtnet:RGTNet",
        "TSFNet": "refsr.networks.tsfnet.network:TSFNet",
        "RefDiff": "refsr.networks.refdiff:RefDiff",
        "SRResNet": "refsr.networks.srresnet:SRResNet",
        "MSRResNet": "refsr.networks.msrresnet:MSRResNet",
        "EDSR": "refsr.networks.edsr:EDSR",
        "SwinIR": "refsr.networks.swinir:SwinIR",
        "SpecGAN": "refsr.networks.specgan:SpecGAN",
        "StyleGAN2": "refsr.networks.stylegan2:StyleGAN2",
        "StyleGAN2Discriminator": "refsr.networks.stylegan2_discriminator:StyleGAN2Discriminator",
        "discriminator_vgg_128": "refsr.networks.discriminator:VGGDiscriminator",
        "RRSNet_arch": "RRSNet",
        "RGTNet_arch": "RGTNet",
    },
    "model": {
        "RRSNet_model": "refsr.tasks.regression:Regression",
        "RRSGAN_model": "refsr.tasks.twin_gan:TwinGAN",
        "RGTNet_model": "refsr.tasks.regression:Regression",
        "RGTGAN_model": "refsr.tasks.twin_gan:TwinGAN",
        "RefDiff_model": "refsr.tasks.diffusion.task:Diffusion",
        "StyleGAN2_model": "refsr.tasks.latent.style_gan:StyleGAN",
        "SpecGAN_model": "refsr.tasks.latent.spectral_gan:SpectralGAN",
        "TSFNet_model": "refsr.tasks.regression:Regression",
        "SISR_model": "refsr.tasks.regression:Regression",
    },
    "dataset": {
        "reference": "refsr.data.build:reference",
        "single": "refsr.data.build:single",
        "change": "refsr.data.build:change",
        "hyperspectral": "refsr.data.build:hyperspectral",
        "RRSNet": "reference",
        "RGTNet": "reference",
    },
}


def names(kind: str) -> list[str]:
    """All names of a kind, built or not, in the table's order; imports nothing."""
    return list(_kind(kind))


def built(kind: str) -> list[str]:
    """The names of a kind that can be resolved."""
    return [name for name in _kind(kind) if is_built(kind, name)]


def is_built(kind: str, name: str) -> bool:
    """Whether a known name can be resolved; imports nothing."""
    return _kind(kind)[canonical(kind, name)] is not None


def canonical(kind: str, name: str) -> str:
    """The first spelling of a name; an unknown one is returned as it is."""
    place = _kind(kind).get(name)
    return place if place is not None and ":" not in place else name


def resolve(kind: str, name: str) -> Any:
    """What `name` stands for, imported now."""
    table = _kind(kind)
    if name not in table:
        raise UsageError(f"{kind} {name!r} is not known{suggestion(name, table)} (known: {', '.join(table)})")
    place = table[canonical(kind, name)]
    if place is None:
        raise NotBuiltError(f"{kind} {name!r} is known but not part of this version")
    module, attribute = place.split(":")
    return getattr(importlib.import_module(module), attribute)


def _kind(kind: str) -> dict[str, str | None]:
    if kind not in NAMES:
        raise UsageError(f"no names of kind {kind!r}{suggestion(kind, NAMES)}")
    return NAMES[kind]
