"""The `train` section: optimisers, schedule, losses and how the loop runs; iterations count from one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from refsr.core.options.section import Ignored, Section, without_effect

Iteration = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]
Beta = Annotated[float, Field(ge=0, lt=1)]


class TrainOptions(Section):
    """How a task is trained."""

    niter: int = Field(description="iterations in all", ge=1, examples=[250000])
    manual_seed: int | None = Field(
        default=None, ge=0, description="seed, where published files have it; the top-level seed comes first"
    )

    optimiser: Literal["adam", "adamw"] = Field(
        default="adam", description="adam, or adamw with decoupled weight decay"
    )
    lr_G: float = Field(default=1e-4, gt=0, description="initial learning rate of the generator")
    beta1_G: Beta = Field(default=0.9, description="Adam's beta1 of the generator")
    beta2_G: Beta = Field(default=0.99, description="Adam's beta2 of the generator")
    weight_decay_G: Weight = Field(default=0.0, description="weight decay of the generator")
    epsilon: float = Field(default=1e-8, gt=0, description="Adam's epsilon")
    lr_D: float = Field(default=1e-4, gt=0, description="initial learning rate of both discriminators")
    beta1_D: Beta = Field(default=0.9, description="Adam's beta1 of both discriminators")
    beta2_D: Beta = Field(default=0.99, description="Adam's beta2 of the image discriminator")
    beta2_D_grad: Beta = Field(
        default=0.999, description="Adam's beta2 of the gradient discriminator, a constant in the published code"
    )
    weight_decay_D: Weight = Field(default=0.0, description="weight decay of both discriminators")

    lr_scheme: Literal["constant", "MultiStepLR", "CosineAnnealingLR_Restart", "linear", "cosine"] = Field(
        default="constant", description="learning rate schedule; linear and cosine decay to eta_min over niter"
    )
    lr_from_start: bool = Field(
        default=False,
        description="iteration k uses the learning rate after k - 1 steps of the schedule, as published for SpecGAN; "
        "false: after k",
    )
    lr_steps: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], description="MultiStepLR: iterations at which the learning rate is multiplied by lr_gamma"
    )
    lr_gamma: float = Field(default=0.5, gt=0, description="MultiStepLR: factor at each of lr_steps")
    T_period: list[Annotated[int, Field(ge=1)]] = Field(
        default=[], description="CosineAnnealingLR_Restart: lengths of the periods, one more than restarts"
    )
    eta_min: float = Field(default=0.0, ge=0, description="lowest learning rate of the cosine and linear schedules")
    restarts: list[Iteration] | None = Field(
        default=None, description="iterations after which the schedule starts over; none: no restart"
    )
    restart_weights: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None, description="factor on the initial learning rate after each restart; none: 1"
    )
    clear_state: bool = Field(default=False, description="MultiStepLR: clear the optimiser's state at a restart")
    warmup_iter: int = Field(default=-1, ge=-1, description="iterations of linear warm-up; -1 or 0: none")
    lr_ramp_images: float = Field(
        default=0, ge=0, description="linear warm-up from zero, counted in images seen so far; 0: none"
    )

    pixel_criterion: Literal["l1", "l2"] = Field(default="l1", description="pixel loss: absolute or squared difference")
    pixel_weight: Weight = Field(default=1.0, description="weight of the pixel loss")
    gradient_pixel_weight: Weight = Field(
        default=0.0, description="weight of the gradient loss, the squared difference of image gradients"
    )
    gradient_padding: Literal[1, 2] = Field(
        default=2,
        description="zero padding of image gradients in losses and for D_grad: 2 as published (gradient maps are two "
        "pixels larger), 1 keeps the size",
    )
    frequency_weight: Weight = Field(
        default=0.0, description="weight of the frequency loss, the absolute difference of spectra"
    )
    stage_weight: Weight = Field(
        default=1.0,
        description="factor on the losses of intermediate results, for networks of several stages such as TSFNet",
    )
    feature_criterion: Literal["l1", "l2"] = Field(
        default="l1", description="perceptual loss: absolute or squared difference of features"
    )
    feature_weight: Weight = Field(default=0.0, description="weight of the perceptual loss")
    feature_network: Literal["vgg19", "vgg16", "vgg16-st", "random"] = Field(
        default="vgg19",
        description="feature network of the perceptual loss: VGG19 as published, VGG16 as published for SpecGAN, the "
        "VGG16 of stlpips-pytorch, or a network of fixed random weights; logs and reports name it",
    )
    feature_range: Literal["unit", "released"] = Field(
        default="unit",
        description="SpecGAN: the feature network gets images in [0, 1], as it was trained, or in [-1, 1] as released",
    )
    gan_type: Literal["gan", "ragan", "lsgan", "hinge"] = Field(
        default="gan", description="adversarial loss: non-saturating, relativistic average, least squares or hinge"
    )
    r1_weight: Weight = Field(default=0.0, description="weight of the R1 gradient penalty of the discriminators")
    r1_every: int = Field(
        default=1,
        ge=1,
        description="StyleGAN2: apply the R1 penalty every so many iterations, with its weight scaled up",
    )
    path_weight: Weight = Field(default=0.0, description="StyleGAN2: weight of path-length regularisation")
    path_every: int = Field(
        default=4,
        ge=1,
        description="StyleGAN2: apply path-length regularisation every so many iterations, with its weight scaled up",
    )
    style_mixing: float = Field(default=0.9, ge=0, le=1, description="StyleGAN2: probability of style mixing")
    freeze: list[str] = Field(
        default=[],
        description="parts of the generator whose weights stay as they are, such as base and front of GatedTransfer",
        examples=[["base"]],
    )
    freeze_bank: bool = Field(
        default=False, description="SpecGAN: keep the latent bank fixed; false: train it with the rest"
    )
    gan_weight: Weight = Field(default=0.0, description="weight of the generator's adversarial loss on images")
    gradient_gan_weight: Weight = Field(
        default=0.0, description="weight of the generator's adversarial loss on gradients"
    )
    l1_init: Iteration = Field(
        default=0, description="first iteration with adversarial losses; pixel losses only before it"
    )
    D_update_ratio: int = Field(
        default=1, ge=1, description="train the generator every so many iterations of the adversarial stage"
    )
    D_init_iters: Iteration = Field(
        default=0, description="train only the discriminators up to this iteration of the run"
    )

    P_mean: float = Field(
        default=-1.2,
        description="diffusion: mean of the logarithm of the noise levels in training (Karras et al. 2022)",
    )
    P_std: float = Field(default=1.2, gt=0, description="diffusion: standard deviation of that logarithm")
    loss_divisor: float = Field(
        default=256.0,
        gt=0,
        description="diffusion: divisor of an image's summed loss; published: 256, for crops of 64 pixels 32",
    )

    precision: Literal["fp32", "bf16", "fp16"] = Field(
        default="fp32", description="number format of the forward and backward pass (fp16 and bf16: autocast)"
    )
    gradient_accumulation: int = Field(
        default=1,
        ge=1,
        description="number of smaller batches into which each process splits its batch, to save memory",
    )
    clip_grad_norm: float | None = Field(
        default=None, gt=0, description="largest norm of a network's gradient; none: no clipping"
    )
    on_nonfinite: Literal["stop", "skip"] = Field(
        default="stop",
        description="at a loss, gradient or validated image that is not finite: stop the run, or go on without it",
    )
    ema_decay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the moving average (EMA) of the generator's weights; 0: no average",
    )
    ema_halflife_images: float = Field(
        default=0, ge=0, description="half-life of the average, in images; instead of ema_decay; 0: not used"
    )
    ema_ramp: float | None = Field(
        default=None,
        gt=0,
        description="limit of the half-life, as a fraction of the images averaged so far; none: no limit",
    )
    ema_start: Iteration = Field(default=0, description="iteration at which averaging starts")
    activation_checkpointing: bool = Field(
        default=False, description="recompute activations in the backward pass: less memory, more time"
    )
    shard: Literal["none", "fsdp"] = Field(
        default="none",
        description="sharding: each process of a run holds everything (none), or its part of weights, gradients, "
        "optimiser state and averages (fsdp), for networks that do not fit",
    )
    channels_last: bool = Field(default=False, description="channels-last memory format, for tensor cores")
    compile: bool = Field(default=False, description="compile networks with torch.compile")
    deterministic: bool = Field(
        default=False, description="use deterministic operators only: the same bits every time, slower"
    )

    val_freq: int = Field(default=5000, ge=0, description="iterations between validations; 0: no validation")

    weight_decay_G_grad: Ignored = without_effect("there is no separate generator of gradients")
    beta1_G_grad: Ignored = without_effect("there is no separate generator of gradients")
    Branch_pretrain: Ignored = without_effect("there is no separate gradient branch to train first")
    Branch_init_iters: Ignored = without_effect("there is no separate gradient branch to train first")
