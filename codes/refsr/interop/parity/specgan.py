"""Who answers the parity cases of SpecGAN."""

from __future__ import annotations

from refsr.interop.parity import measures, samples
from refsr.interop.parity.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (r"minibatch standard deviation layer, 2 channel groups, batch smaller than the group", None),
    (r"discriminator logits and the three adversarial losses as configured", None),
    (r"StyleGAN2 synthesis at 32x32 with a code of its own for each layer", None),
    (r"minibatch standard deviation layer, groups of 4 in a batch of 8", None),
    (r"modulated 3x3 convolution with demodulation and x2 downsampling", None),
    (r"modulated 3x3 convolution with demodulation and x2 upsampling", None),
    (r"from 8-bit rasters to the tensors that the networks see", samples.specgan_samples),
    (r"dual-branch encoder with its two fusion stages", None),
    (r"modulated 1x1 convolution without demodulation", None),
    (r"modulated 3x3 convolution with demodulation", None),
    (r"FIR resampling with skewed and odd kernels", None),
    (r"to-RGB block with the upsampled skip image", None),
    (r"pixel and perceptual losses as configured", None),
    (r"learning rates of the x32 configuration", None),
    (r"learning rates of the x16 configuration", None),
    (r"equalised-learning-rate layers as used", None),
    (r"one branch of the dual-branch encoder", None),
    (r"StyleGAN2 discriminator as published", None),
    (r"whole generator as published for x16", None),
    (r"whole generator as published for x32", None),
    (r"StyleGAN2 discriminator for 32x32", None),
    (r"dual-branch encoder as published", None),
    (r"spatial similarity attention", None),
    (r"StyleGAN2 mapping network", None),
    (r"style convolution block", None),
    (r"StyleGAN2 generator", None),
    (r"whole generator", None),
    (r"FIR resampling", None),
    (r"training model", None),
    (r"PSNR", measures.specgan_measures),
]
