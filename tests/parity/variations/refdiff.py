"""Variations of the cases of Ref-Diff."""

from __future__ import annotations

from typing import Any

from torch import nn

from refsr.interop.weights import refdiff
from refsr.networks.refdiff.blocks import BlockShape, DecoderBlock, EncoderBlock
from refsr.networks.refdiff.network import RefDiff
from variations.base import Rows, Variation, below, rows


def refdiff_rows(**network: Any) -> Rows:
    denoiser = RefDiff(scale=1, **network)
    return rows(denoiser, refdiff.refdiff_keys(denoiser))


def _block(kind: Any, *options: Any) -> tuple[nn.Module, dict[str, str]]:
    block = kind(*options, attention=True)
    return block, dict(refdiff.part_keys(block))


SMALL_DENOISER = {"img_resolution": 16, "model_channels": 8, "channel_mult": [1], "num_blocks": 1}
NETWORKS: list[dict[str, Any]] = [
    {"model_channels": 12, "channel_mult": [1, 3, 2], "num_blocks": 1, "attn_resolutions": [8], "img_resolution": 32},
    {
        "model_channels": 8,
        "channel_mult": [2, 1],
        "encoder_type": "skip",
        "decoder_type": "skip",
        "num_blocks": 1,
        "img_resolution": 16,
        "attn_resolutions": [],
        "sigma_data": 1.0,
    },
    {
        "model_channels": 8,
        "channel_mult": [1, 1],
        "encoder_type": "residual",
        "embedding_type": "fourier",
        "channel_mult_noise": 2,
        "channel_mult_emb": 2,
        "resample_filter": [1, 3, 3, 1],
        "num_blocks": 0,
        "img_resolution": 64,
    },
]


def denoisers() -> list[Variation]:
    found = [
        Variation(
            "refdiff-denoiser-min",
            {"network": network},
            {**dict.fromkeys(("x", "lr", "ref"), (1, 3, 8, 16)), "mask": (1, 1, 8, 16), "c_noise": (1,)},
            lambda network=network: refdiff_rows(**network),
        )
        for network in NETWORKS
    ]

    def labelled():
        return [["model.map_label.weight", [8, 5]], *refdiff_rows(**SMALL_DENOISER)]

    return [*found, Variation("refdiff-denoiser-min", {"network": {**SMALL_DENOISER, "label_dim": 5}}, state=labelled)]


VARIATIONS = [
    *denoisers(),
    Variation(
        "refdiff-precond",
        {"network": SMALL_DENOISER, "sigmas": [3.0]},
        {},
        lambda: refdiff_rows(**SMALL_DENOISER),
        asked=["D", "c_out"],
    ),
    Variation(
        "refdiff-loss",
        {"network": SMALL_DENOISER, "loss": {}, "loss_scaling": None},
        dict.fromkeys(("images", "lr", "ref", "eps"), (2, 3, 64, 64))
        | {"mask": (2, 1, 64, 64), "rnd_normal": (2, 1, 1, 1)},
        lambda: refdiff_rows(**SMALL_DENOISER),
    ),
    Variation(
        "refdiff-train-step",
        {
            "network": SMALL_DENOISER,
            "steps": 2,
            "start_nimg": 205,
            "ema_rampup_ratio": None,
            "lr_rampup_kimg": 0,
            "report": ["model.map_layer1.bias"],
            "optimizer": {"lr": 0.001},
        },
        state=lambda: refdiff_rows(**SMALL_DENOISER),
        asked=["losses", "lr", "ema_beta", "grad:model.map_layer1.bias", "ema:model.map_layer1.bias"],
    ),
    Variation("refdiff-ema", {"batch_size": 7, "start_nimg": 10, "ema_rampup_ratio": None}, {"weights": (9, 3)}),
    Variation(
        "refdiff-ramps",
        {"ema": {"zero": {"batch_size": 8, "ema_halflife_kimg": 0, "ema_rampup_ratio": 0.1}}, "lr": None},
        asked=["beta_zero"],
    ),
    Variation(
        "refdiff-embedding",
        {"embeddings": {"p": {"type": "PositionalEmbedding", "num_channels": 8}}},
        {"c_noise": (3,)},
        list,
        asked=["p", "p_swapped"],
    ),
    Variation(
        "refdiff-groupnorm",
        {"norms": {"c12": {"num_channels": 12}}},
        {"x_c12": (2, 12, 3, 5)},
        lambda: [["c12.weight", [12]], ["c12.bias", [12]]],
        asked=["c12", "groups"],
    ),
    Variation(
        "refdiff-sft",
        {"layers": {"z": {"nf": 5, "n_condition": 4}}},
        {"cond": (1, 4, 9, 7), "f_z": (1, 5, 6, 3)},
        lambda: [
            [f"z.{way}_conv{at}.{leaf}", shape]
            for way in ("mul", "add")
            for at, (out, into) in ((1, (128, 9)), (2, (5, 128)))
            for leaf, shape in (("weight", [out, into, 3, 3]), ("bias", [out]))
        ],
        asked=["z"],
    ),
    Variation(
        "refdiff-conv-resample",
        {
            "convs": {
                "k5": {
                    "in_channels": 6,
                    "out_channels": 4,
                    "kernel": 5,
                    "up": True,
                    "resample_filter": [1, 3, 3, 1],
                    "bias": False,
                }
            }
        },
        {"x": (1, 6, 8, 6)},
        lambda: [["k5.weight", [4, 6, 5, 5]]],
        asked=["k5"],
    ),
    Variation(
        "refdiff-block-encoder",
        {
            "blocks": {
                "heads": {
                    "type": "UNetBlock",
                    "in_channels": 8,
                    "out_channels": 16,
                    "emb_channels": 16,
                    "attention": True,
                    "num_heads": None,
                    "channels_per_head": 8,
                    "adaptive_scale": True,
                }
            }
        },
        state=lambda: below("heads.", rows(*_block(EncoderBlock, 8, 16, BlockShape(16, heads=2, adaptive_scale=True)))),
        asked=["heads"],
    ),
    Variation(
        "refdiff-block-decoder",
        {
            "blocks": {
                "one": {
                    "type": "UNetBlock_Ref",
                    "in_channels": 8,
                    "out_channels": 4,
                    "emb_channels": 16,
                    "adaptive_scale": False,
                    "attention": True,
                    "num_heads": 2,
                }
            }
        },
        {"x_16": None},
        lambda: below("one.", rows(*_block(DecoderBlock, 8, 4, BlockShape(16, heads=2)))),
        asked=["one"],
    ),
    Variation(
        "refdiff-sampler-churn",
        {
            "network": SMALL_DENOISER,
            "runs": {
                "r": {
                    "num_steps": 3,
                    "rho": 5,
                    "sigma_max": 20,
                    "sigma_min": 0.01,
                    "S_min": 0,
                    "S_max": 1e9,
                    "S_noise": 1.1,
                    "S_churn": 1,
                }
            },
        },
        state=lambda: refdiff_rows(**SMALL_DENOISER),
        asked=["r"],
    ),
    Variation(
        "refdiff-sampler-analytic",
        {"runs": {"r": {"num_steps": 4, "rho": 3, "S_max": float("inf")}}, "sigma_data": None},
        asked=["r", "r_sigmas"],
    ),
    Variation(
        "refdiff-sampler-schedule",
        {"runs": {"r": {"num_steps": 5, "rho": 3, "S_max": float("inf"), "S_min": 0}}},
        asked=["r_t_hat", "r_noise_factor"],
    ),
    Variation(
        "refdiff-data-crop",
        {"up_scale": 16, "crop": 32, "offsets": [[5, 7]]},
        {"hr": (3, 32, 80), "ref": (3, 32, 80), "lr": (3, 2, 5), "mask": None},
        asked=["lr_0", "hr_0", "ref_0", "offset_limits"],
    ),
    Variation("refdiff-mask-encoding", {"sizes": [[3, 4]]}, {"image": None}, asked=["mask_train", "mask_3x4"]),
    Variation("refdiff-mask-encoding", {"sizes": None}, {"mask": None}, asked=["image_infer"]),
    Variation(
        "refdiff-infer-upsample", {"size": 64}, {"lr32": None, "lr16": None, "lr20": (2, 3, 8, 16)}, asked=["lr20"]
    ),
    Variation("refdiff-quantise", {}, {"image": (1, 1, 5, 7)}, asked=["pixels"]),
]
