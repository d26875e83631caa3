"""Who answers the parity cases of SpecGAN."""

from __future__ import annotations

from harness import metrics, samples, specgan_layers, specgan_learning, specgan_networks
from harness.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (r"minibatch standard deviation layer, 2 channel groups, batch smaller than the group", specgan_layers.deviation),
    (r"discriminator logits and the three adversarial losses as configured", specgan_learning.adversarial_losses),
    (r"StyleGAN2 synthesis at 32x32 with a code of its own for each layer", specgan_layers.generator),
    (r"minibatch standard deviation layer, groups of 4 in a batch of 8", specgan_layers.deviation),
    (r"modulated 3x3 convolution with demodulation and x2 downsampling", specgan_layers.modulated),
    (r"modulated 3x3 convolution with demodulation and x2 upsampling", specgan_layers.modulated),
    (r"from 8-bit rasters to the tensors that the networks see", samples.specgan_samples),
    (r"dual-branch encoder with its two fusion stages", specgan_networks.head),
    (r"modulated 1x1 convolution without demodulation", specgan_layers.modulated),
    (r"modulated 3x3 convolution with demodulation", specgan_layers.modulated),
    (r"FIR resampling with skewed and odd kernels", specgan_layers.filters),
    (r"to-RGB block with the upsampled skip image", specgan_layers.to_image),
    (r"pixel and perceptual losses as configured", specgan_learning.image_losses),
    (r"learning rates of the x32 configuration", specgan_learning.learning_rates),
    (r"learning rates of the x16 configuration", specgan_learning.learning_rates),
    (r"equalised-learning-rate layers as used", specgan_layers.equal_layers),
    (r"one branch of the dual-branch encoder", specgan_networks.branch),
    (r"StyleGAN2 discriminator as published", specgan_layers.discriminator),
    (r"whole generator as published for x16", specgan_networks.generator),
    (r"whole generator as published for x32", specgan_networks.generator),
    (r"StyleGAN2 discriminator for 32x32", specgan_layers.discriminator),
    (r"dual-branch encoder as published", specgan_networks.head),
    (r"spatial similarity attention", specgan_networks.attention),
    (r"StyleGAN2 mapping network", specgan_layers.mapping),
    (r"style convolution block", specgan_layers.styled),
    (r"StyleGAN2 generator", specgan_layers.generator),
    (r"whole generator", specgan_networks.generator),
    (r"FIR resampling", specgan_layers.filters),
    (r"training model", specgan_learning.one_step),
    (r"PSNR", metrics.specgan_metrics),
]
