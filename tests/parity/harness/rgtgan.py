"""Who answers the parity cases of RGTNet and RGTGAN, and what RRSGAN shares with them."""

from __future__ import annotations

from harness import (
    adversarial,
    learning,
    metrics,
    networks,
    operators,
    perceptual,
    resizing,
    rgtgan_networks,
    samples,
)
from harness.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (
        r"pyramid, cascading, deformable alignment alone \('paper' variant: offsets from the dense branch\)",
        rgtgan_networks.alignment,
    ),
    (r"[0-9]+ optimiser steps of the generator in the L1 stage on one fixed batch", learning.rgtnet_steps),
    (r"pyramid, cascading, deformable alignment alone \(release\)", rgtgan_networks.alignment),
    (r"loss terms of the GAN stage for a fixed generator output", adversarial.gan_stage_losses),
    (r"loss terms of the L1 stage for a fixed generator output", learning.l1_stage_losses),
    (r"gradient enhancement module GTEM as released", rgtgan_networks.gtem),
    (r"VGG19 feature used by the perceptual loss", perceptual.vgg_features),
    (r"training sample from five 8-bit images", samples.rgtgan_samples),
    (r"learning rates seen by iterations 1", learning.learning_rates),
    (r"DCNv3 module as modified by RGTGAN", operators.layers),
    (r"whole generator RGTNet as released", rgtgan_networks.whole_rgtnet),
    (r"dense multi-kernel offset branch", rgtgan_networks.dense_offset),
    (r"DCNv3 module as in InternImage", operators.layers),
    (r"relevance attention module RAM", networks.relevance),
    (r"dense-restore-residual block", rgtgan_networks.dense_restore),
    (r"gradient magnitude operators", operators.gradient_maps),
    (r"PSNR and SSIM on 8-bit pairs", metrics.rgtgan_metrics),
    (r"feature encoder for images", networks.encoders),
    (r"MATLAB-like bicubic resize", resizing.matlab_runs),
    (r"texture transfer of RGTNet", rgtgan_networks.texture),
    (r"DCNv3 sampling operator", operators.sampling),
    (r"whole generator RGTNet", rgtgan_networks.whole_rgtnet),
    (r"discriminator_vgg_128", rgtgan_networks.discriminator),
    (r"content extractor", networks.content_extractors),
]
