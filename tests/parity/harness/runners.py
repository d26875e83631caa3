"""Which function answers which cases: the one table, by system and kind."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from harness.case import Case

# Kinds that RRSGAN and RGTGAN have in common.
_COMMON = {
    "content-extractor": "reference_networks:content_extractors",
    "deformable-module": "operators:deformable_modules",
    "discriminator": "reference_networks:discriminator",
    "encoder": "reference_networks:encoders",
    "gan-losses": "reference_training:gan_losses",
    "gradient-map": "operators:gradient_maps",
    "imresize": "resizing:matlab_runs",
    "lr-schedule": "schedules:iterations",
    "metrics": "metrics:bgr_pairs",
    "pixel-losses": "reference_training:pixel_losses",
    "ram": "reference_networks:relevance",
    "training-sample": "samples:five_images",
    "vgg-feature": "reference_training:vgg_features",
}

SYSTEMS: dict[str, dict[str, str]] = {
    "rrsgan": {
        **_COMMON,
        "alignment": "reference_networks:rrsnet_alignment",
        "generator": "reference_networks:rrsnet_image",
        "texture-transfer": "reference_networks:rrsnet_texture",
        "training-steps": "reference_training:rrsnet_steps",
    },
    "rgtgan": {
        **_COMMON,
        "alignment": "reference_networks:rgtnet_alignment",
        "dcnv3-op": "operators:dcnv3_operator",
        "dense-offset": "reference_networks:dense_offset",
        "drr": "reference_networks:dense_restore",
        "generator": "reference_networks:rgtnet_image",
        "gtem": "reference_networks:gtem",
        "texture-transfer": "reference_networks:rgtnet_texture",
        "training-steps": "reference_training:rgtnet_steps",
    },
    "specgan": {
        "discriminator": "stylegan2:discriminator",
        "equalised-layers": "stylegan2:equalised_layers",
        "fir": "stylegan2:filters",
        "fusion": "specgan_networks:encoder_head",
        "gan-losses": "specgan_training:adversarial_losses",
        "generator": "specgan_networks:generator",
        "lr-schedule": "schedules:cosine",
        "mapping": "stylegan2:mapping",
        "metrics": "metrics:signed_images",
        "minibatch-stddev": "stylegan2:minibatch_stddev",
        "modulated-conv": "stylegan2:modulated_conv",
        "pixel-perceptual-losses": "specgan_training:image_losses",
        "rdb-branch": "specgan_networks:branch",
        "similarity-attention": "specgan_networks:attention",
        "style-conv": "stylegan2:styled_conv",
        "stylegan2": "stylegan2:generator",
        "to-rgb": "stylegan2:to_image",
        "training-sample": "samples:rasters",
        "training-step": "specgan_training:one_step",
    },
    "tsfnet": {
        "cross-fusion": "tsfnet_networks:cross_fusion",
        "fourier-unit": "tsfnet_fourier:fourier_convolutions",
        "imresize": "resizing:both_resizers",
        "loss": "tsfnet_training:losses",
        "loss-gradients": "tsfnet_training:gradients",
        "lr-schedule": "schedules:epochs",
        "metrics": "metrics:three_protocols",
        "network": "tsfnet_networks:network_images",
        "phase-filter": "tsfnet_networks:phase_filter",
        "phase-filter-block": "tsfnet_networks:frequency_block",
        "resampling": "tsfnet_networks:resampling",
        "self-fusion": "tsfnet_networks:fusion",
        "spatial-block": "tsfnet_networks:spatial_block",
        "spectral-split": "tsfnet_networks:spectral_split",
        "tiling": "tsfnet_tiling:scans",
        "training-sample": "samples:two_images",
        "training-steps": "tsfnet_training:steps",
    },
    "refdiff": {
        "denoiser": "refdiff_networks:denoiser_output",
        "ema": "refdiff_training:averages",
        "group-norm": "refdiff_networks:normalisations",
        "input-encoding": "samples:masks_and_images",
        "loss": "refdiff_training:losses",
        "lr-enlargement": "samples:enlarged_lr",
        "noise-embedding": "refdiff_networks:embeddings",
        "preconditioning": "refdiff_networks:preconditioning",
        "quantise": "samples:saved_images",
        "resampled-conv": "refdiff_networks:resampled_convolutions",
        "sampler": "sampling:with_network",
        "sampler-analytic": "sampling:analytic",
        "sampler-schedule": "sampling:schedules",
        "schedule-ramps": "schedules:ramps",
        "sft": "refdiff_networks:transforms",
        "training-sample": "samples:changed_places",
        "training-steps": "refdiff_training:steps",
        "unet-block": "refdiff_networks:blocks",
    },
}
"""System: kind: module of this package, colon, function."""


def find_runner(case: Case) -> Callable[[Case], Any] | None:
    """The function that answers a case: that of its system, else of one for which it holds too; None if unknown."""
    systems = [SYSTEMS.get(system, {}) for system in (case.system, *case.meta.get("also", []))]
    place = next((kinds[case.kind] for kinds in systems if case.kind in kinds), None)
    if place is None:
        return None
    module, _, function = place.partition(":")
    runner: Callable[[Case], Any] = getattr(importlib.import_module(f"harness.{module}"), function)
    return runner
