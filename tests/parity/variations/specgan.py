"""Variations of the cases of SpecGAN."""

from __future__ import annotations

from refsr.interop.weights import rrsnet, specgan, stylegan2
from refsr.networks.blocks.stylegan2_layers import DiscriminatorBlock
from refsr.networks.specgan.dual_branch import DenseBranch, DualBranchEncoder, SimilarityAttention
from refsr.networks.specgan.network import SpecGAN
from variations.base import Rows, Variation, below, rows, without


def styled_rows(inputs: int, outputs: int, code: int, kernel: int = 3) -> Rows:
    """A modulated convolution's published state."""
    return [
        ["weight_orig", [1, outputs, inputs, kernel, kernel]],
        ["style_modulation.bias", [inputs]],
        ["style_modulation.linear.weight_orig", [inputs, code]],
    ]


def specgan_rows() -> Rows:
    """A narrow generator's published state."""
    options = {"scale": 2, "channels": 3, "hsi_bands": 3, "side": 4, "style_channels": 4, "latent_channels": 8}
    options |= {"nf": 4, "n_blocks": 1, "n_layers": 1, "growth": 2, "attention": 4}
    return rows(SpecGAN(**options), specgan.specgan_keys(options))


SPECGAN_WIDTHS = {"in_dim": [5, 2], "out_dim": [8, 6], "base_dim": 8, "num_RDB_blocks": 1, "growRate": 4, "Depth": 2}
GAN_LOSS = {"gan_type": "vanilla", "loss_weight": 0, "real_label_val": 1.0, "fake_label_val": 0}
PERCEPTUAL = {
    "layer_weights": {"3": 0.5, "8": 2.0},
    "vgg_type": "vgg16",
    "perceptual_weight": 0.1,
    "norm_img": True,
    "criterion": "l1",
}

VARIATIONS = [
    Variation(
        "specgan-fir",
        {
            "layers": {
                "up": {"type": "up", "kernel": [1, 2, 1]},
                "down": {"type": "down", "kernel": [1, 1]},
                "blur": {"type": "blur", "kernel": [1, 2, 3], "pad": [1, 1]},
            }
        },
        {"x": (1, 2, 8, 6)},
        asked=["up", "down", "blur"],
    ),
    Variation(
        "specgan-equal-layers",
        {"layers": {"block": {"type": "resblock", "in": 5, "out": 9}, "pixel_norm": {"type": "pixel_norm"}}},
        {"img": (1, 5, 4, 6)},
        lambda: below("block.", rows(DiscriminatorBlock(5, 9), stylegan2.discriminator_block_keys("", ""))),
        asked=["block", "pixel_norm"],
    ),
    Variation(
        "specgan-mapping",
        {"style_channels": 8, "num_mlps": 3, "lr_mlp": 1.0},
        {"z": (2, 8)},
        lambda: [
            row
            for at in (1, 2, 3)
            for row in ([f"style_mapping.{at}.bias", [8]], [f"style_mapping.{at}.linear.weight_orig", [8, 8]])
        ],
    ),
    Variation("specgan-minibatch-stddev", {"group_size": 2, "channel_groups": 3}, {"x": (4, 6, 3, 2)}),
    *(
        Variation(
            "specgan-modconv-plain",
            {"in_channels": 4, "out_channels": 5, "kernel_size": kernel, "style_channels": 3, **options},
            {"x": (2, 4, 8, 6), "style": (2, 3)},
            lambda kernel=kernel: styled_rows(4, 5, 3, kernel),
        )
        for kernel, options in (
            (5, {}),
            (1, {"upsample": True}),
            (3, {"downsample": True, "demodulate": False}),
            (1, {"downsample": True}),
            (5, {"downsample": True}),
        )
    ),
    Variation("specgan-styleconv-up", {"upsample": False}, {"noise": (2, 1, 5, 6)}),
    Variation("specgan-to-rgb", {"upsample": False}, {"skip": None}),
    Variation(
        "specgan-discriminator-32",
        {"in_size": 8, "channel_multiplier": 2},
        {"image": (8, 3, 8, 8)},
        lambda: [
            ["convs.0.0.conv.weight_orig", [512, 3, 1, 1]],
            *without("specgan-discriminator-32", "convs.0.0", "convs.2", "convs.3")(),
        ],
    ),
    Variation(
        "specgan-adversarial-losses",
        {},
        {"gt": None, "fake": (2, 3, 32, 32)},
        asked=["logits_fake", "loss_gan", "loss_d_fake"],
    ),
    Variation(
        "specgan-stylegan2-32",
        {"call": {"styles": ["z", "second"], "inject_index": 3, "truncation": 0.7, "truncation_latent": "mean"}},
        {"second": (2, 64), "mean": (1, 64)},
        asked=["latent", "image"],
    ),
    Variation(
        "specgan-fusion-small",
        SPECGAN_WIDTHS,
        {"lq": (1, 7, 4, 6)},
        lambda: rows(DualBranchEncoder(5, 2, (8, 6), 8, 1, 4, 2, 64), specgan.head_keys(1, 2)),
        asked=["decoder_feature"],
    ),
    Variation(
        "specgan-rdb-branch",
        {"num_RDB_block": 2, "growRate0": 6, "growRate": 3, "nConvLayers": 1},
        {"x": (1, 6, 3, 4)},
        lambda: rows(DenseBranch(6, 2, 3, 1), rrsnet.with_parameters(specgan.branch_keys(2, 1))),
    ),
    Variation(
        "specgan-similarity-attention",
        {"in_dim": 4},
        {"reference": (1, 4, 2, 3), "x": (1, 4, 2, 3)},
        lambda: rows(SimilarityAttention(4, 64), specgan.attention_keys()),
    ),
    Variation(
        "specgan-data-pipeline",
        {"flips": [["vertical"]]},
        {"lq_dn": (3, 4, 6), "gt_dn": (4, 8, 12)},
        asked=["lq_vertical", "gt_vertical"],
    ),
    Variation(
        "specgan-metrics",
        {"crop_border": 3, "metrics": ["PSNR"]},
        {"gt": (1, 3, 14, 12), "noise": (1, 3, 14, 12)},
        asked=["psnr"],
    ),
    Variation("specgan-lr-schedule", {"iterations": [5], "total_iters": 10}),
    Variation(
        "specgan-pixel-perceptual",
        {"pixel_loss": None, "perceptual_loss": PERCEPTUAL},
        {"gt": (1, 3, 16, 18), "fake": (1, 3, 16, 18)},
        asked=["loss_perceptual"],
    ),
    Variation(
        "specgan-pixel-perceptual",
        {"perceptual_loss": None, "pixel_loss": {"loss_weight": 2.0}},
        {},
        list,
        asked=["loss_pix"],
    ),
    Variation(
        "specgan-generator-8-64",
        {"in_size": 4, "out_size": 8},
        {"lq": (1, 6, 4, 4)},
        specgan_rows,
        meta={"samples": {}},
        asked=["hr"],
    ),
    Variation(
        "specgan-training-model",
        {"generator": {"in_size": 4, "out_size": 8}, "discriminator": None, "perceptual_loss": None, "gan_loss": None},
        {"lq": (1, 6, 4, 4), "gt": (1, 3, 8, 8)},
        lambda: below("generator.", specgan_rows()),
        asked=["hr", "loss_pix"],
    ),
]
