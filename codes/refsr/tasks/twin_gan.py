"""Adversarial training with two discriminators, of images and of gradient maps, after a stage without them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from refsr.core.errors import UsageError
from refsr.core.options.schema import Options
from refsr.losses.adversarial import discriminator_losses, generator_loss, gradient_penalty
from refsr.losses.perceptual import perceptual_loss
from refsr.networks.descriptor import NetworkSpec, descriptor_of
from refsr.ops import gradient_magnitude
from refsr.tasks.base import Batch, IterationCache, Losses, Phase, SubNetwork
from refsr.tasks.gan_instability import discriminator_instabilities, image_instabilities, image_statistics
from refsr.tasks.instability import Instability
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.parts import freeze_parts, starting_parts
from refsr.tasks.perceptual import perceptual_network
from refsr.tasks.regression import gradient_padding, reconstruction_losses, required_train
from refsr.tasks.restore import network_output, single_pass

RESTORED = "restored"
SUFFIXES = {"D": "", "D_grad": "_grad"}
"""Endings of the published loss names, by discriminator."""


@runtime_checkable
class RequiresImageSize(Protocol):
    """A discriminator that does not take images of every size."""

    def require_size(self, height: int, width: int) -> None:
        """Raises for a size that it cannot take."""


class TwinGAN:
    """RRSGAN and RGTGAN as published: reconstruction losses before iteration `l1_init`, then all losses."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        if options.network_D is None:
            raise UsageError(f"{options.model} has discriminators, but the options have no section network_D")
        specs = {"G": NetworkSpec.of(options.network_G, options.scale)}
        weights = {"D": self.train.gan_weight, "D_grad": self.train.gradient_gan_weight}
        self._discriminators = [key for key, weight in weights.items() if weight]
        for key in self._discriminators:
            specs[key] = NetworkSpec.of(options.network_D, options.scale)
        self.specs: Mapping[str, NetworkSpec] = specs
        self.networks: Mapping[str, nn.Module] = {key: one.build() for key, one in specs.items()}
        self.subnetworks: Mapping[str, SubNetwork] = starting_parts(self.networks["G"], options)
        freeze_parts(self.networks["G"], self.train.freeze)
        self.optimisers: Mapping[str, Optimizer] = {
            key: make_optimiser(key, network, self.train) for key, network in self.networks.items()
        }
        self.notes: Sequence[str] = ()
        self.frozen: Sequence[nn.Module] = ()
        self._features: nn.Module | None = None
        if self.train.feature_weight:
            features, self.notes = perceptual_network(options, self.train)
            self.use_feature_network(features)
        self._descriptor = descriptor_of(self.networks["G"])
        self._require_crops(options)
        self._views: dict[str, Callable[[Tensor], Tensor]] = {"D": lambda image: image, "D_grad": self._gradients}

    def _require_crops(self, options: Options) -> None:
        """Checks the crop size against each discriminator now: adversarial training may begin days later."""
        side = options.datasets["train"].GT_size if "train" in options.datasets else None
        if side is None:
            return
        wider = 2 if gradient_padding(self.train) == "full" else 0
        for key in self._discriminators:
            discriminator = self.networks[key]
            if isinstance(discriminator, RequiresImageSize):
                size = side + (wider if key == "D_grad" else 0)
                discriminator.require_size(size, size)

    def use_feature_network(self, features: nn.Module) -> None:
        """Sets the frozen network of the perceptual loss."""
        self._features = features
        self.frozen = (features,)

    def instabilities(self) -> Sequence[Instability]:
        """Those of the discriminators and of the restored images."""
        return (*discriminator_instabilities(self._discriminators, self.train.gan_type), *image_instabilities())

    def phases(self, step: int) -> Sequence[Phase]:
        train = self.train
        if step < train.l1_init:
            return (Phase("G", self._first_stage_losses),)
        discriminators = [Phase(key, self._discriminator_phase(key)) for key in self._discriminators]
        due = step % train.D_update_ratio == 0 and step > train.D_init_iters
        return (Phase("G", self._second_stage_losses), *discriminators) if due else tuple(discriminators)

    def _first_stage_losses(self, network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
        """The generator's losses in the stage without discriminators."""
        restored = network_output(network, self._descriptor, batch)
        cache.statistics |= image_statistics(restored, batch["hr"])
        return reconstruction_losses(self.train, restored, batch["hr"])

    def _second_stage_losses(self, network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
        """The generator's losses; the discriminators are then trained on the images made before this step."""
        restored = network_output(network, self._descriptor, batch)
        cache[RESTORED] = restored.detach()
        cache.statistics |= image_statistics(restored, batch["hr"])
        return self.weighted_generator_losses(restored, batch["hr"])

    def weighted_generator_losses(self, restored: Tensor, target: Tensor) -> Losses:
        """All terms of the generator's loss, weighted, under their published names."""
        train = self.train
        losses = reconstruction_losses(train, restored, target)
        if self._features is not None:
            distance = perceptual_loss(self._features, restored, target, train.feature_criterion)
            losses["l_g_fea"] = train.feature_weight * distance
        for key in self._discriminators:
            weight = train.gan_weight if key == "D" else train.gradient_gan_weight
            losses[f"l_g_gan{SUFFIXES[key]}"] = weight * self._adversarial_loss(key, restored, target)
        return losses

    def _adversarial_loss(self, key: str, restored: Tensor, target: Tensor) -> Tensor:
        """The generator's loss on one discriminator's logits, not weighted."""
        discriminator, view = self.networks[key], self._views[key]
        logits = discriminator(view(restored))
        if self.train.gan_type != "ragan":
            return generator_loss(self.train.gan_type, logits)
        with torch.no_grad():
            real = discriminator(view(target))
        return generator_loss("ragan", logits, real)

    def _discriminator_phase(self, key: str) -> Callable[[nn.Module, Batch, IterationCache], Losses]:
        """The losses of a discriminator's phase, on the restored images of the generator's phase if there was one."""

        def losses(network: nn.Module, batch: Batch, cache: IterationCache) -> Losses:
            if RESTORED not in cache:
                with torch.no_grad():
                    cache[RESTORED] = network_output(self.networks["G"], self._descriptor, batch)
            return self.weighted_discriminator_losses(key, network, batch["hr"], cache[RESTORED], cache)

        return losses

    def weighted_discriminator_losses(
        self, key: str, discriminator: nn.Module, target: Tensor, restored: Tensor, cache: IterationCache
    ) -> Losses:
        """A discriminator's terms, weighted, under their published names; its mean logits become statistics."""
        suffix, view = SUFFIXES[key], self._views[key]
        real, fake = view(target).detach(), view(restored).detach()
        if self.train.r1_weight:
            real.requires_grad_()
        on_real, on_fake = self.logits(discriminator, real, fake)
        terms = discriminator_losses(self.train.gan_type, on_real, on_fake)
        losses = {f"l_d_{name}{suffix}": term for name, term in zip(("real", "fake"), terms, strict=True)}
        if self.train.r1_weight:
            losses[f"l_d_r1{suffix}"] = self.train.r1_weight * gradient_penalty(on_real, real)
        cache.statistics |= {f"D_real{suffix}": on_real.detach().mean(), f"D_fake{suffix}": on_fake.detach().mean()}
        return losses

    def logits(self, discriminator: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both in one pass, since no layer depends on the batch as a whole."""
        on_real, on_fake = discriminator(torch.cat((real, fake))).chunk(2)
        return on_real, on_fake

    def _gradients(self, image: Tensor) -> Tensor:
        """The gradient maps for D_grad, in float32."""
        return gradient_magnitude(image.float(), gradient_padding(self.train))

    restore = staticmethod(single_pass)
