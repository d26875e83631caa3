"""The `train` section: optimisers, schedule, losses and how the loop runs; iterations count from one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from refsr.core.options.section import Ignored, Section, without_effect

Iteration = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class TrainOptions(Section):
    """How a task learns."""

    niter: int = Field(description="iterations in all", ge=1, examples=[250000])
    manual_seed: int | None = Field(default=None, ge=0, description="published place of the top-level key seed")

    optimiser: Literal["adam", "adamw"] = Field(
        default="adam", description="adamw decays weights apart from the gradient"
    )
    lr_G: float = Field(default=1e-4, gt=0, description="initial learning rate of the generator")
    beta1_G: Beta = Field(default=0.9, description="decay of the generator's first moment")
    beta2_G: Beta = Field(default=0.99, description="decay of the generator's second moment")
    weight_decay_G: Weight = Field(default=0.0, description="weight decay of the generator")
    epsilon: float = Field(default=1e-8, gt=0, description="what Adam adds to the root of the second moment")
    lr_D: float = Field(default=1e-4, gt=0, description="initial learning rate of both discriminators")
    beta1_D: Beta = Field(default=0.9, description="decay of both discriminators' first moment")
    beta2_D: Beta = Field(default=0.99, description="decay of the image discriminator's second moment")
    beta2_D_grad: Beta = Field(
        default=0.999,
        description="decay of the gradient discriminator's second moment, a constant in the published code",
    )
    weight_decay_D: Weight = Field(default=0.0, description="weight decay of both discriminators")

    lr_scheme: Literal["constant", "MultiStepLR", "CosineAnnealingLR_Restart", "linear", "cosine"] = Field(
        default="constant", description="how the learning rate moves; linear and cosine fall to eta_min over niter"
    )
    lr_from_start: bool = Field(
        default=False,
        description="iteration k has the rate of the scheme after k - 1 steps, as SpecGAN was published; else after k",
    )
    lr_steps: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], description="MultiStepLR: iterations at which the learning rate is multiplied by lr_gamma"
    )
    lr_gamma: float = Field(default=0.5, gt=0, description="MultiStepLR: the factor")
    T_period: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], description="CosineAnnealingLR_Restart: lengths of the periods, one more than restarts"
    )
    eta_min: float = Field(default=0.0, ge=0, description="lowest learning rate of the cosine and linear schemes")
    restarts: list[Iteration] | None = Field(
        default=None, description="iterations after which a restart scheme starts over; none: no restart"
    )
    restart_weights: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None, description="factor on the initial learning rate at each restart; none: 1"
    )
    clear_state: bool = Field(default=False, description="MultiStepLR: forget the optimiser's moments at a restart")
    warmup_iter: int = Field(
        default=-1, ge=-1, description="iterations of linear rise to the scheme's learning rate; -1 or 0: no warm-up"
    )
    lr_ramp_images: float = Field(
        default=0,
        ge=0,
        description="the same from zero on, counted in images seen before the iteration; 0: no ramp",
    )

    pixel_criterion: Literal["l1", "l2"] = Field(default="l1", description="absolute or squared difference of pixels")
    pixel_weight: Weight = Field(default=1.0, description="weight of the pixel loss")
    gradient_pixel_weight: Weight = Field(
        default=0.0, description="weight of the squared difference of image gradients"
    )
    gradient_padding: Literal[1, 2] = Field(
        default=2,
        description="zero padding of image gradients in losses and for D_grad: 2 as published (maps gain a frame), 1",
    )
    frequency_weight: Weight = Field(default=0.0, description="weight of the absolute difference of spectra")
    stage_weight: Weight = Field(
        default=1.0,
        description="factor on the losses of what a network of several stages, such as TSFNet, makes on the way",
    )
    feature_criterion: Literal["l1", "l2"] = Field(
        default="l1", description="absolute or squared difference of VGG features"
    )
    feature_weight: Weight = Field(default=0.0, description="weight of the perceptual loss")
    feature_network: Literal["vgg19", "vgg16", "vgg16-st", "random"] = Field(
        default="vgg19",
        description="what the perceptual loss looks with: VGG19 as published, VGG16 as SpecGAN was, the VGG16 that "
        "stlpips-pytorch ships, or a fixed random network; every log and report says so",
    )
    feature_range: Literal["unit", "released"] = Field(
        default="unit",
        description="SpecGAN: the perceptual network sees images from 0 to 1, as it was trained, or from -1 to 1",
    )
    gan_type: Literal["gan", "ragan", "lsgan", "hinge"] = Field(
        default="gan", description="plain, relativistic average, least squares or hinge adversarial loss"
    )
    r1_weight: Weight = Field(default=0.0, description="weight of the discriminators' gradient penalty at real images")
    r1_every: int = Field(
        default=1, ge=1, description="StyleGAN2: iterations for each gradient penalty, which weighs as many times more"
    )
    path_weight: Weight = Field(default=0.0, description="StyleGAN2: weight of path-length regularisation")
    path_every: int = Field(
        default=4, ge=1, description="StyleGAN2: iterations for each of these, which weighs as many times more"
    )
    style_mixing: float = Field(
        default=0.9, ge=0, le=1, description="StyleGAN2: share of images whose codes change over at a random layer"
    )
    freeze_bank: bool = Field(
        default=False, description="SpecGAN: the latent bank stays as it is; else it learns with the rest"
    )
    gan_weight: Weight = Field(default=0.0, description="weight of the generator's adversarial loss on images")
    gradient_gan_weight: Weight = Field(
        default=0.0, description="weight of the generator's adversarial loss on gradients"
    )
    l1_init: Iteration = Field(
        default=0, description="first iteration of the adversarial stage; before it, pixel losses only"
    )
    D_update_ratio: int = Field(default=1, ge=1, description="iterations for each step of the generator in that stage")
    D_init_iters: Iteration = Field(
        default=0, description="the generator rests until this iteration of the run while the discriminators learn"
    )

    P_mean: float = Field(default=-1.2, description="diffusion: mean logarithm of the noise levels to learn at")
    P_std: float = Field(default=1.2, gt=0, description="diffusion: deviation of these logarithms")
    loss_divisor: float = Field(
        default=256.0,
        gt=0,
        description="diffusion: an image's summed loss is divided by this; published: 256, 32 for 64 pixels wide",
    )

    precision: Literal["fp32", "bf16", "fp16"] = Field(
        default="fp32", description="number format of forward and backward"
    )
    gradient_accumulation: int = Field(
        default=1, ge=1, description="parts into which each process cuts its batch to save memory"
    )
    clip_grad_norm: float | None = Field(
        default=None, gt=0, description="largest norm of a network's gradient; none: no limit"
    )
    on_nonfinite: Literal["stop", "skip"] = Field(
        default="stop", description="what happens at a loss or gradient that is infinite or not a number"
    )
    ema_decay: float = Field(
        default=0.0, ge=0, lt=1, description="decay of the averaged copy of the generator; 0: no copy"
    )
    ema_halflife_images: float = Field(
        default=0, ge=0, description="the same as images after which a weight counts half; takes ema_decay's place"
    )
    ema_ramp: float | None = Field(
        default=None, gt=0, description="the half-life is at most this share of the images averaged so far"
    )
    ema_start: Iteration = Field(default=0, description="iteration from which weights are averaged")
    activation_checkpointing: bool = Field(
        default=False, description="recompute activations in the backward pass: less memory, more time"
    )
    channels_last: bool = Field(default=False, description="memory layout that suits tensor cores")
    compile: bool = Field(default=False, description="compile networks with torch.compile")
    deterministic: bool = Field(default=False, description="only operators that give the same bits each time; slower")

    val_freq: int = Field(default=5000, ge=0, description="iterations between validations; 0: none")

    weight_decay_G_grad: Ignored = without_effect("there is no separate generator of gradients")
    beta1_G_grad: Ignored = without_effect("there is no separate generator of gradients")
    Branch_pretrain: Ignored = without_effect("there is no separate gradient branch to train first")
    Branch_init_iters: Ignored = without_effect("there is no separate gradient branch to train first")
