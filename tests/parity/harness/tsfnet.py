"""Who answers the parity cases of TSFNet."""

from __future__ import annotations

from harness import (
    metrics,
    resizing,
    samples,
    tsfnet_fourier,
    tsfnet_learning,
    tsfnet_networks,
    tsfnet_tiling,
)
from harness.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (
        r"Fourier convolution operators that the release carries but its network never builds",
        tsfnet_fourier.fourier_convolutions,
    ),
    (
        r"amplitude-guided phase filter with its closing convolution and scaled shortcut",
        tsfnet_networks.frequency_block,
    ),
    (r"PSNR and SSIM as the test script and as the validation pass compute them", metrics.tsfnet_metrics),
    (r"spectral split of the finest first-stage feature into four bands", tsfnet_networks.spectral_split),
    (r"amplitude-guided phase filter without its closing convolution", tsfnet_networks.phase_filter),
    (r"learning rate of each training epoch with the default options", tsfnet_learning.epoch_rates),
    (r"gradient of the training loss for a fixed batch", tsfnet_learning.gradients),
    (r"[a-z]+ Adam steps on [a-z]+ given batches", tsfnet_learning.steps),
    (r"training loss of a fixed batch", tsfnet_learning.losses),
    (r"halving and doubling layers", tsfnet_networks.resampling),
    (r"cross-stage fusion block", tsfnet_networks.cross_fusion),
    (r"whole network at x[0-9]+", tsfnet_networks.whole_tsfnet),
    (r"block-by-block inference", tsfnet_tiling.scans),
    (r"spatial branch block", tsfnet_networks.spatial_block),
    (r"training sample", samples.tsfnet_samples),
    (r"image resizing", resizing.both_resizers),
    (r"fusion block", tsfnet_networks.fusion),
]
