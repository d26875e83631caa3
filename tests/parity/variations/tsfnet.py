"""Variations of the cases of TSFNet."""

from __future__ import annotations

from refsr.interop.weights import tsfnet
from refsr.networks.tsfnet.fusion import CrossStageFusion, SelfFusion
from refsr.networks.tsfnet.network import TSFNet
from refsr.networks.tsfnet.phase_filter import FrequencyBlock, PhaseFilter
from refsr.networks.tsfnet.spatial import Downsample, SpatialBlock
from variations.base import Rows, Variation, rows, without


def tsfnet_rows(features: int, pairs: int) -> Rows:
    return rows(TSFNet(scale=4, nf=features, n_blocks=pairs), tsfnet.tsfnet_keys(pairs))


DEC = {f"dec{level}": (2, 4, 4 << level, 4 << level) for level in range(4)}
HIGH, LOW = (1, 3, 32, 32), (1, 3, 8, 8)

VARIATIONS = [
    Variation(
        "tsfnet-net-x4-small",
        {"scale": 2, "num_features": 8, "base_num_every_group": 3, "spectral_size": 32},
        {"lr": (1, 3, 16, 16)},
        lambda: tsfnet_rows(8, 3),
        asked=["output", "output1_mean", "dec0_std", "fused3_mean"],
    ),
    *(
        Variation(
            "tsfnet-loss",
            {"num_features": 8, "loss": loss, "spectral_size": 32},
            {"lr": LOW, "hr": HIGH},
            lambda: tsfnet_rows(8, 1),
        )
        for loss in ("2*MSE", "0.5*L1+1e-1*MSE")
    ),
    Variation(
        "tsfnet-gradients",
        {"num_features": 8, "loss": "1*MSE", "spectral_size": 32},
        {"lr": LOW, "hr": HIGH},
        lambda: tsfnet_rows(8, 1),
    ),
    Variation(
        "tsfnet-train-step",
        {"num_features": 8, "loss": "1*L1+1*MSE", "optimizer": {"lr": 1e-3}, "spectral_size": 32},
        {"lr": (2, *LOW), "hr": (2, *HIGH)},
        lambda: tsfnet_rows(8, 1),
    ),
    Variation(
        "tsfnet-spatial-block",
        {"n_feat": 4, "n_resblocks": 0},
        {"odd": None, "square": (1, 4, 3, 5)},
        lambda: rows(SpatialBlock(4, 0), tsfnet.spatial_keys(0)),
        asked=["square"],
    ),
    Variation(
        "tsfnet-agpf",
        {"n_feat": 4, "n_resblocks": 2},
        {"square": (1, 4, 8, 8), "wide": None},
        lambda: rows(FrequencyBlock(4, 2), tsfnet.frequency_keys(2)),
        asked=["square"],
    ),
    Variation(
        "tsfnet-freq-block",
        {"dim": 3},
        {"tall": None, "wide": None, "square": (1, 3, 8, 4)},
        lambda: rows(PhaseFilter(3), tsfnet.filter_keys()),
        asked=["square_pha"],
    ),
    Variation(
        "tsfnet-resample",
        {"num_features": 6},
        {"a": (1, 6, 4, 6), "b": None},
        lambda: rows(Downsample(6), tsfnet.downsample_keys(), "down."),
        asked=["down_a"],
    ),
    Variation(
        "tsfnet-self-fuse",
        {"channels": 8, "sizes": ["odd"]},
        {"dec_odd": (1, 8, 3, 5), "enc_odd": None},
        lambda: rows(SelfFusion(8, 4), tsfnet.fusion_keys()),
        asked=["plain_odd", "attention_odd"],
    ),
    Variation(
        "tsfnet-cross-fuse",
        {"channels": 8, "sizes": ["odd"]},
        {"dec_odd": (1, 8, 3, 5), "enc_odd": (1, 8, 3, 5)},
        lambda: rows(CrossStageFusion(8, 2), tsfnet.fusion_keys() | tsfnet.gate_keys()),
        asked=["gates_odd"],
    ),
    Variation(
        "tsfnet-spectral-split",
        {"channels": 4, "spectral_size": 32},
        DEC,
        asked=["fused0", "fused3", "band_4", "band_32"],
    ),
    Variation(
        "tsfnet-fourier-unit",
        {"unit": None, "ffc": None},
        {"a": (1, 8, 4, 6), "b": None},
        without("tsfnet-fourier-unit", "unit.", "ffc."),
        asked=["spectral_a", "shu_a"],
    ),
    Variation(
        "tsfnet-imresize",
        {"images": [["b", "0.37"], ["b", 2], ["c", "3/2"]], "kernels": None, "kernel_image": None},
        {"image_b": (9, 8)},
        asked=["mirror_b_0p37", "lead_b_2", "mirror_c_3over2"],
    ),
    Variation(
        "tsfnet-imresize",
        {"images": None, "kernels": ["box", "linear"], "kernel_scale": "2"},
        {"image_b": (9, 8, 1)},
        asked=["kernel_box", "kernel_linear"],
    ),
    Variation(
        "tsfnet-metrics",
        {"images": ["far"], "borders": [2, 20]},
        {"hr_far": (3, 45, 48), "noise_far": (3, 45, 48)},
        asked=["psnr_y_far", "psnr_val_far"],
    ),
    Variation("tsfnet-schedule", {"milestones": [2, 3], "epochs": 5, "gamma": 0.1, "lr": 1.0}),
    Variation(
        "tsfnet-tiling",
        {"patch_size": 32, "images": {"k": 4}},
        {"k": (1, 1, 20, 9)},
        asked=["test_k", "val_k", "val_k_origins"],
    ),
    Variation(
        "tsfnet-augment",
        {"scale": 8, "patch_size": 16, "draws": [{"ix": 1, "iy": 2}]},
        {"hr": (3, 64, 48), "lr": (3, 8, 6)},
        asked=["lr_0", "hr_0"],
    ),
]
