"""Who answers the parity cases of TSFNet."""

from __future__ import annotations

from refsr.interop.parity import measures, resizing, samples
from refsr.interop.parity.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (r"Fourier convolution operators that the release carries but its network never builds", None),
    (r"amplitude-guided phase filter with its closing convolution and scaled shortcut", None),
    (r"PSNR and SSIM as the test script and as the validation pass compute them", measures.tsfnet_measures),
    (r"spectral split of the finest first-stage feature into four bands", None),
    (r"amplitude-guided phase filter without its closing convolution", None),
    (r"learning rate of each training epoch with the default options", None),
    (r"gradient of the training loss for a fixed batch", None),
    (r"[a-z]+ Adam steps on three given batches", None),
    (r"training loss of a fixed batch", None),
    (r"halving and doubling layers", None),
    (r"cross-stage fusion block", None),
    (r"whole network at x[0-9]+", None),
    (r"block-by-block inference", None),
    (r"spatial branch block", None),
    (r"training sample", samples.tsfnet_samples),
    (r"image resizing", resizing.both_resizers),
    (r"fusion block", None),
]
