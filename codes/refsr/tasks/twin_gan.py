"""Learning against two judges: a discriminator of images and its twin of gradient maps, after a stage without them."""

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
from refsr.ops import gradient_magnitude
from refsr.tasks.balance import discriminator_instabilities, image_instabilities, looks
from refsr.tasks.base import Batch, Losses, Memory, Phase
from refsr.tasks.blueprint import NetworkSpec
from refsr.tasks.inference import descriptor_of, direct, network_inputs
from refsr.tasks.optimisers import make_optimiser
from refsr.tasks.perceptual import perceptual_network
from refsr.tasks.regression import comparison_losses, gradient_padding, required_train
from refsr.tasks.watching import Instability

RESTORED = "restored"
SUFFIXES = {"D": "", "D_grad": "_grad"}
"""How the published names of losses tell the judges apart."""


@runtime_checkable
class TakesSizes(Protocol):
    """A judge that does not take images of every size."""

    def require_size(self, height: int, width: int) -> None:
        """Raises for a size that it cannot take."""


class TwinGAN:
    """RRSGAN and RGTGAN as published: pixel losses before `l1_init`, then all of them."""

    def __init__(self, options: Options) -> None:
        self.train = required_train(options)
        if options.network_D is None:
            raise UsageError(f"{options.model} has discriminators, but the options have no section network_D")
        blueprints = {"G": NetworkSpec.of(options.network_G, options.scale)}
        weights = {"D": self.train.gan_weight, "D_grad": self.train.gradient_gan_weight}
        self._discriminators = [key for key, weight in weights.items() if weight]
        for key in self._discriminators:
            blueprints[key] = NetworkSpec.of(options.network_D, options.scale)
        self.blueprints: Mapping[str, NetworkSpec] = blueprints
        self.networks: Mapping[str, nn.Module] = {key: one.build() for key, one in blueprints.items()}
        self.optimisers: Mapping[str, Optimizer] = {
            key: make_optimiser(key, network, self.train) for key, network in self.networks.items()
        }
        self.notes: Sequence[str] = ()
        self.frozen: Sequence[nn.Module] = ()
        self._features: nn.Module | None = None
        if self.train.feature_weight:
            features, self.notes = perceptual_network(options, self.train)
            self.look_with(features)
        self._descriptor = descriptor_of(self.networks["G"])
        self._require_crops(options)
        self._views: dict[str, Callable[[Tensor], Tensor]] = {"D": lambda image: image, "D_grad": self._gradients}

    def _require_crops(self, options: Options) -> None:
        """Asks each judge about the size of crops now: its stage may begin days later."""
        side = options.datasets["train"].GT_size if "train" in options.datasets else None
        if side is None:
            return
        wider = 2 if gradient_padding(self.train) == "full" else 0
        for key in self._discriminators:
            judge = self.networks[key]
            if isinstance(judge, TakesSizes):
                seen = side + (wider if key == "D_grad" else 0)
                judge.require_size(seen, seen)

    def look_with(self, features: nn.Module) -> None:
        """Compares images in the features of this frozen network."""
        self._features = features
        self.frozen = (features,)

    def signs(self) -> Sequence[Instability]:
        """Discriminators that win or lose, and restored images that go wrong."""
        return (*discriminator_instabilities(self._discriminators, self.train.gan_type), *image_instabilities())

    def phases(self, step: int) -> Sequence[Phase]:
        train = self.train
        if step < train.l1_init:
            return (Phase("G", self._pixels),)
        judged = [Phase(key, self._discriminator_losses(key)) for key in self._discriminators]
        due = step % train.D_update_ratio == 0 and step > train.D_init_iters
        return (Phase("G", self._everything), *judged) if due else tuple(judged)

    def _pixels(self, network: nn.Module, batch: Batch, memory: Memory) -> Losses:
        """The stage without judges."""
        restored = network(*network_inputs(self._descriptor, batch))
        memory.shown |= looks(restored, batch["hr"])
        return comparison_losses(self.train, restored, batch["hr"])

    def _everything(self, network: nn.Module, batch: Batch, memory: Memory) -> Losses:
        """The generator's step; the judges see what it made before that step."""
        restored = network(*network_inputs(self._descriptor, batch))
        memory[RESTORED] = restored.detach()
        memory.shown |= looks(restored, batch["hr"])
        return self.generator_losses(restored, batch["hr"])

    def generator_losses(self, restored: Tensor, target: Tensor) -> Losses:
        """All weighted terms of a restored image under their published names."""
        train = self.train
        losses = comparison_losses(train, restored, target)
        if self._features is not None:
            distance = perceptual_loss(self._features, restored, target, train.feature_criterion)
            losses["l_g_fea"] = train.feature_weight * distance
        for key in self._discriminators:
            weight = train.gan_weight if key == "D" else train.gradient_gan_weight
            losses[f"l_g_gan{SUFFIXES[key]}"] = weight * self._fooling(key, restored, target)
        return losses

    def _fooling(self, key: str, restored: Tensor, target: Tensor) -> Tensor:
        """How far the judge is from taking restored images for targets."""
        judge, view = self.networks[key], self._views[key]
        logits = judge(view(restored))
        if self.train.gan_type != "ragan":
            return generator_loss(self.train.gan_type, logits)
        with torch.no_grad():
            real = judge(view(target))
        return generator_loss("ragan", logits, real)

    def _discriminator_losses(self, key: str) -> Callable[[nn.Module, Batch, Memory], Losses]:
        """A judge's step on the same restored images."""

        def losses(network: nn.Module, batch: Batch, memory: Memory) -> Losses:
            if RESTORED not in memory:
                with torch.no_grad():
                    memory[RESTORED] = self.networks["G"](*network_inputs(self._descriptor, batch))
            return self.discriminator_losses(key, network, batch["hr"], memory[RESTORED], memory)

        return losses

    def discriminator_losses(
        self, key: str, judge: nn.Module, target: Tensor, restored: Tensor, memory: Memory
    ) -> Losses:
        """A judge's terms under their published names; its mean scores are told beside them."""
        suffix, view = SUFFIXES[key], self._views[key]
        real, fake = view(target).detach(), view(restored).detach()
        if self.train.r1_weight:
            real.requires_grad_()
        on_real, on_fake = self.scores(judge, real, fake)
        terms = discriminator_losses(self.train.gan_type, on_real, on_fake)
        losses = {f"l_d_{name}{suffix}": term for name, term in zip(("real", "fake"), terms, strict=True)}
        if self.train.r1_weight:
            losses[f"l_d_r1{suffix}"] = self.train.r1_weight * gradient_penalty(on_real, real)
        memory.shown |= {f"D_real{suffix}": on_real.detach().mean(), f"D_fake{suffix}": on_fake.detach().mean()}
        return losses

    def scores(self, judge: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both in one pass, since no layer looks at the batch as a whole."""
        on_real, on_fake = judge(torch.cat((real, fake))).chunk(2)
        return on_real, on_fake

    def _gradients(self, image: Tensor) -> Tensor:
        """The gradient maps that the twin judges, in float32."""
        return gradient_magnitude(image.float(), gradient_padding(self.train))

    @staticmethod
    def restore(network: nn.Module, batch: Batch) -> Tensor:
        return direct(network, batch)
