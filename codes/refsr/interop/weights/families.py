"""The published networks, recognised by the keys of their files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.core.registry import resolve
from refsr.interop.weights import (
    basicsr,
    dat,
    discriminator,
    refdiff,
    rgtnet,
    rrsnet,
    specgan,
    stylegan2,
    swinir,
    tsfnet,
)
from refsr.interop.weights.conversion import Conversion
from refsr.interop.weights.publishing import Form, require_published
from refsr.interop.weights.reading import Published
from refsr.networks.budget import require_held
from refsr.networks.descriptor import NetworkSpec


@dataclass(frozen=True)
class Family:
    """A published network; a file belongs to the first family of the list whose `pattern` matches one of its keys."""

    network: str
    model: str
    """The task that trains it."""
    pattern: str
    options: Callable[..., dict[str, Any]]
    load: Callable[..., tuple[nn.Module, Conversion]]
    choices: tuple[str, ...] = ()
    """Keywords of both functions that tensors do not determine."""
    form: Callable[[Mapping[str, Any]], Form] | None = None
    """For export; none: not exported."""
    constants: Mapping[str, Collection[Any]] = field(default_factory=dict)
    """Values of keywords that are constants of the published code."""
    variable: tuple[str, ...] = ()
    """Keywords that it takes, or that its state dict determines."""

    def import_from(
        self, published: Mapping[str, Tensor], given: Mapping[str, Any], source: object = "the file"
    ) -> tuple[dict[str, Any], Conversion]:
        """The constructor's keywords and the network's weights; `source` begins messages."""
        for name in given:
            if name not in self.choices:
                raise UsageError(f"{self.network} takes no {name}; leave it out")
        options = self.options(published, **given)
        require_held(NetworkSpec(self.network, options), published.values(), source)
        return options, self.load(published, **given)[1]

    def form_of(self, keywords: Mapping[str, Any]) -> Form:
        """How the published code stores a network built with these keywords; a DataError if it cannot."""
        if self.form is None:
            raise DataError(f"{self.network} has no published form that is known here")
        parameters = inspect.signature(resolve("network", self.network)).parameters
        defaults = {name: parameter.default for name, parameter in parameters.items()}
        options = {**defaults, **keywords}
        # Any other keyword does not exist in the published code, so it must have its default.
        unknown = {name: (defaults.get(name),) for name in options if name not in self.variable}
        require_published(self.network, options, unknown | dict(self.constants))
        return self.form(options)


FAMILIES = (
    Family(
        "RGTNet",
        "RGTNet_model",
        r"GTEM\.",
        rgtnet.rgtnet_options,
        rgtnet.import_rgtnet,
        choices=("offsets", "gtem_upsample"),
        form=rgtnet.rgtnet_form,
        constants=rgtnet.CONSTANTS,
        variable=("n_blocks", "offsets"),
    ),
    Family(
        "RRSNet",
        "RRSNet_model",
        r"gpcd_align\.|Encoder_grad\.",
        rrsnet.rrsnet_options,
        rrsnet.import_rrsnet,
        form=rrsnet.rrsnet_form,
        constants=rrsnet.CONSTANTS,
        variable=("n_blocks",),
    ),
    Family(
        "discriminator_vgg_128",
        "RGTGAN_model",
        r"conv[0-9]_[01]\.",
        discriminator.discriminator_options,
        discriminator.import_discriminator,
        form=discriminator.discriminator_form,
        constants=discriminator.CONSTANTS,
        variable=("in_nc",),
    ),
    Family(
        "TSFNet",
        "TSFNet_model",
        r"conv_fuse2?\.|down1_fre2?\.",
        tsfnet.tsfnet_options,
        tsfnet.import_tsfnet,
        form=tsfnet.tsfnet_form,
        constants={},
        variable=("scale",),
        choices=("scale",),
    ),
    Family(
        "RefDiff",
        "RefDiff_model",
        r"model\.(enc|dec)\.[0-9]+x[0-9]+_",
        refdiff.refdiff_options,
        refdiff.import_refdiff,
        choices=("scale", "lr_upsample"),
    ),
    Family(
        "SpecGAN",
        "SpecGAN_model",
        r"(generator\.)?encoder_head\.",
        specgan.specgan_options,
        specgan.import_specgan,
        choices=("input_range",),
    ),
    Family(
        "StyleGAN2",
        "StyleGAN2_model",
        r"(generator(_ema)?\.)?(generator\.)?style_mapping\.",
        stylegan2.stylegan2_options,
        stylegan2.import_stylegan2,
        choices=("upsample",),
    ),
    Family(
        "StyleGAN2Discriminator",
        "SpecGAN_model",
        r"(discriminator\.)?final_linear\.",
        stylegan2.discriminator_options,
        stylegan2.import_discriminator_network,
    ),
    Family(
        "SwinIR",
        "SISR_model",
        r"layers\.0\.residual_group\.blocks\.0\.attn\.relative_position_bias_table",
        swinir.swinir_options,
        swinir.import_swinir,
    ),
    Family(
        "DAT",
        "SISR_model",
        r"layers\.0\.blocks\.0\.attn\.attns\.0\.",
        dat.dat_options,
        dat.import_dat,
    ),
    Family(
        "MSRResNet",
        "SISR_model",
        r"upconv1\.",
        basicsr.msrresnet_options,
        basicsr.import_msrresnet,
    ),
    Family(
        "EDSR",
        "SISR_model",
        r"body\.0\.conv1\.",
        basicsr.edsr_options,
        basicsr.import_edsr,
        choices=("residual_scale", "span"),
    ),
)


def family_named(network: str) -> Family:
    """The family of one of our networks that can be exported."""
    known = ", ".join(family.network for family in FAMILIES if family.form is not None)
    for family in FAMILIES:
        if family.network == network and family.form is not None:
            return family
    raise DataError(f"{network} has no published form that is known here: {known} have one")


def family_of(source: Published, network: str | None = None) -> Family:
    """The first family whose keys a file has, or the named one if a file has several."""
    names = [family.network for family in FAMILIES]
    if network is not None and network not in names:
        raise UsageError(f"--network {network}: not known{suggestion(network, names)} (known: {', '.join(names)})")
    for family in FAMILIES:
        if network in (None, family.network) and any(re.match(family.pattern, key) for key in source.tensors):
            return family
    known = network or ", ".join(names)
    first = next(iter(source.tensors))
    raise DataError(f"{source.name}: its keys ({first!r}, ...) are those of no network that is known here: {known}")
