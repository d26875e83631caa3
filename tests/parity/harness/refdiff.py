"""Who answers the parity cases of Ref-Diff."""

from __future__ import annotations

from harness import denoisers, denoising, samples, sampling
from harness.run import Runner

RUNNERS: list[tuple[str, Runner | None]] = [
    (r"learning rate and EMA decay as functions of the number of images seen before the step", denoising.ramps),
    (r"denoiser at the smallest configuration that its constructor allows", denoisers.whole_denoiser),
    (r"sampler with the network, fixed start, churn with given noises", sampling.with_network),
    (r"[a-z0-9]+ optimiser steps with given data and random draws", denoising.steps),
    (r"group normalisation with the published group-count rule", denoisers.normalisations),
    (r"second-order sampler around a closed-form denoiser", sampling.analytic),
    (r"sampler with the network, fixed start, no churn", sampling.with_network),
    (r"denoiser with the command line's ncsnpp choice", denoisers.whole_denoiser),
    (r"noise levels and churn of the sampler as lists", sampling.schedules),
    (r"convolution layer with optional 2x resampling", denoisers.resampled_convolutions),
    (r"training loss with the two random draws given", denoising.losses),
    (r"scaling of mask and images to network inputs", samples.refdiff_ranges),
    (r"change-aware residual block of the decoder", denoisers.blocks),
    (r"denoiser with the published structure", denoisers.whole_denoiser),
    (r"EMA of a drifting weight vector", denoising.averages),
    (r"spatial feature transform layer", denoisers.transforms),
    (r"denoiser at the published size", denoisers.whole_denoiser),
    (r"enlargement of LR at inference", samples.refdiff_enlargement),
    (r"residual block of the encoder", denoisers.blocks),
    (r"denoiser with weak weights", denoisers.whole_denoiser),
    (r"output image to 8-bit file", samples.refdiff_files),
    (r"preconditioned denoiser D", denoisers.preconditioning),
    (r"noise-level embeddings", denoisers.embeddings),
    (r"denoiser built for 32", denoisers.whole_denoiser),
    (r"training sample", samples.refdiff_samples),
]
