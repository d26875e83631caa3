"""Variations of the cases of RRSGAN and RGTGAN."""

from __future__ import annotations

from refsr.interop.weights import rgtnet, rrsnet
from refsr.interop.weights.layout import discriminator_layout, rgtnet_layout, rrsnet_layout
from refsr.networks.blocks.alignment import DenseOffset
from refsr.networks.blocks.encoders import Encoder
from refsr.networks.blocks.reference_transfer import RelevanceAttention
from variations.base import Variation, layout_rows, rows, without

GAN_TRAIN = {"pixel_weight": 0.5, "lr_D": 1e-4, "gan_type": "gan", "gan_weight": 0.01}
TALL, SMALL_IMAGE = (1, 3, 256, 264), (2, 3, 48, 56)
FIVE = {"LQ": (1, 3, 6, 5), **dict.fromkeys(("LQ_UX4", "Ref", "Ref_DUX4", "GT"), (1, 3, 24, 20))}
FOUR = {"LR": (1, 3, 6, 5), **dict.fromkeys(("LR_UX4", "Ref", "Ref_DUX4"), (1, 3, 24, 20))}

VARIATIONS = [
    Variation("rgtgan-rgtnet-small", {"n_blocks": 1, "variant": "paper"}, FOUR, lambda: layout_rows(rgtnet_layout(1))),
    Variation("rrsgan-rrsnet-small", {"n_blocks": 0, "nf": None}, FOUR, lambda: layout_rows(rrsnet_layout(0))),
    Variation(
        "rgtgan-align",
        {"variant": None},
        {
            f"{kind}_l{level}": (2, 80, 16 >> level, 8 >> level)
            for kind in ("ref", "ref_dux4", "lr")
            for level in (1, 2, 3)
        },
    ),
    Variation(
        "rrsgan-align",
        {"module": None},
        {
            f"{kind}_l{level}": (2, 80, 16 >> level, 8 >> level)
            for kind in ("ref", "ref_dux4", "lr")
            for level in (1, 2, 3)
        },
    ),
    Variation(
        "rgtgan-content",
        {"modules": {"other": {}}},
        {"other_x": (1, 3, 5, 4)},
        lambda: [
            [key.replace("content_extractor", "other"), list(shape)]
            for key, shape in rrsnet_layout(1).items()
            if key.startswith("content_extractor")
        ],
        asked=["other"],
    ),
    Variation(
        "rgtgan-encoder",
        {"modules": {"e": {"in_ch": 1, "nf": 6}}},
        {"e_x": (1, 1, 9, 7)},
        lambda: rows(Encoder(1, 6, 3), rrsnet.with_parameters(rrsnet.encoder_keys("", "")), "e."),
        asked=["e_conv3"],
    ),
    Variation(
        "rgtgan-ram",
        {"modules": {"r": {"nf": 5, "n_condition": 3}}},
        {"r_features": (1, 5, 4, 3), "r_conditions": (1, 3, 4, 3)},
        lambda: rows(RelevanceAttention(5, 3, 7), rrsnet.with_parameters(rrsnet.relevance_keys("", "")), "r."),
        asked=["r"],
    ),
    Variation(
        "rgtgan-dense-offset",
        {"modules": {"q": {}}},
        {"q_a": (1, 6, 5, 4), "q_b": (1, 6, 5, 4)},
        lambda: rows(DenseOffset(6), rrsnet.with_parameters(rgtnet.dense_offset_keys("", "")), "q."),
        asked=["q"],
    ),
    Variation("rgtgan-drr", {"outer": 1, "inner": 2}, {"a": (1, 64, 3, 5)}, asked=["y_a"]),
    Variation("rgtgan-gtem", {}, {"square": None, "wide2": (1, 3, 16, 8)}, asked=["y_wide2"]),
    Variation(
        "rgtgan-texture-transfer",
        {"modules": {"t": {}}},
        {"t_x": (2, 64, 3, 2), "t_map_l3": (2, 64, 3, 2), "t_map_l2": (2, 64, 6, 4), "t_map_l1": (2, 64, 12, 8)},
    ),
    Variation(
        "rrsgan-texture-transfer",
        {},
        {"t_x": (2, 64, 3, 2), "t_map_l3": (2, 64, 3, 2), "t_map_l2": (2, 64, 6, 4), "t_map_l1": (2, 64, 12, 8)},
    ),
    Variation(
        "rgtgan-discriminator",
        {"in_nc": 1},
        {"image": (1, 1, 264, 280), "gradient": None},
        lambda: layout_rows(discriminator_layout(1)),
        asked=["logit_image", "grad_norm_image"],
    ),
    Variation(
        "rgtgan-dcnv3-core",
        {"ops": {"o": {"kernel": 3, "stride": 2, "pad": 0, "dilation": 1, "group": 1, "remove_center": True}}},
        {"o_x": (1, 7, 6, 4), "o_offset": (1, 3, 2, 16), "o_mask": (1, 3, 2, 8), "o_cot": (1, 3, 2, 4)},
        asked=["o_y", "o_grad_mask"],
    ),
    Variation(
        "rgtgan-dcnv3-standard",
        {
            "modules": {
                "plain": {
                    "module": "DCNv3Standard",
                    "args": {"channels": 16, "group": 4, "dilation": 2, "pad": 2, "offset_scale": 2.0},
                }
            }
        },
        {"plain_x": (2, 5, 5, 16), "plain_cot": (2, 5, 5, 16)},
        asked=["plain_y", "plain_grad_param_norm"],
    ),
    Variation(
        "rrsgan-dcnv2",
        {
            "modules": {
                "small": {
                    "module": "DCNv2",
                    "args": {
                        "in_channels": 8,
                        "out_channels": 6,
                        "kernel_size": 3,
                        "stride": 1,
                        "padding": 2,
                        "dilation": 2,
                        "deformable_groups": 2,
                        "extra_offset_mask": False,
                    },
                }
            }
        },
        {"small_feat": None},
        asked=["small_y", "small_grad_x"],
    ),
    Variation(
        "rgtgan-gradient", {"eps": 1e-3}, {"rgb": (1, 3, 5, 4), "one": (2, 5, 6, 6)}, asked=["one_net", "one_pad2_grad"]
    ),
    Variation(
        "rgtgan-imresize",
        {
            "runs": {
                "a": {"input": "odd", "scale": [3, 8]},
                "b": {"input": "small", "scale": 2.5, "antialiasing": False},
                "c": {"input": "even", "scale": [1, 16], "antialiasing": False},
            }
        },
        {"small": (5, 7)},
        asked=["a", "b", "c"],
    ),
    Variation(
        "rgtgan-metrics",
        {"pairs": ["gray", "one"]},
        {"tensor": None, "one_a": (20, 21, 1), "one_noise": (20, 21, 1)},
        asked=["gray_ssim_crop6", "gray_psnr", "one_ssim"],
    ),
    Variation(
        "rgtgan-metrics",
        {"pairs": ["rgb"]},
        {"rgb_a": (9, 9, 3), "rgb_noise": (9, 9, 3)},
        asked=["rgb_psnr", "tensor2img"],
    ),
    Variation(
        "rgtgan-data-sample",
        {"scale": 2, "GT_size": 8, "draws": [{"top": 3, "left": 2, "hflip": True}, {"phase": "val"}]},
        {"GT": (20, 18, 3)} | dict.fromkeys(("LQ_UX4", "Ref", "Ref_DUX4"), (20, 18, 4)) | {"LQ": (10, 9, 3)},
        asked=["LQ_1", "GT_1"],
    ),
    Variation(
        "rgtgan-schedules",
        {
            "runs": {
                "w": {"scheme": "MultiStepLR", "lr": 1e-4, "lr_steps": [3], "niter": 6, "warmup_iter": 2},
                "c": {"scheme": "CosineAnnealingLR_Restart", "lr": 2e-4, "T_period": [4], "eta_min": 1e-6, "niter": 9},
                "d": {
                    "scheme": "MultiStepLR",
                    "lr": 1e-4,
                    "lr_steps": [],
                    "lr_gamma": 0.1,
                    "niter": 4,
                    "restarts": None,
                    "clear_state": True,
                },
            }
        },
        asked=["w", "c", "d", "d_cleared"],
    ),
    Variation("rgtgan-vgg-feature", {"modules": {"v": {}}}, {"v_x": (2, 3, 16, 33)}),
    *(
        Variation("rgtgan-loss-l1", {"train": train}, {"fake": SMALL_IMAGE, "gt": SMALL_IMAGE})
        for train in (
            {},
            {"pixel_weight": 0, "gradient_pixel_weight": 0},
            {"pixel_criterion": "l2", "gradient_pixel_weight": 2},
        )
    ),
    Variation(
        "rgtgan-loss-gan",
        {"train": GAN_TRAIN, "steps": [7]},
        {"fake": TALL, "gt": TALL},
        without("rgtgan-loss-gan", "F.", "D_grad."),
        asked=["l_g_pix", "l_g_gan", "l_g_total", "l_d_real", "D_fake", "grad_fake_l2"],
    ),
    Variation(
        "rgtgan-loss-ragan",
        {
            "train": {
                **GAN_TRAIN,
                "gan_type": "ragan",
                "gan_weight": 0,
                "pixel_weight": 0,
                "gradient_gan_weight": 0.1,
                "feature_weight": 0,
            },
            "steps": [3],
        },
        {"fake": TALL, "gt": TALL},
        without("rgtgan-loss-ragan", "F.", "D."),
        asked=["l_g_pix", "l_g_gan_grad", "l_g_total", "l_d_fake_grad", "grad_fake_scaled"],
    ),
    Variation(
        "rgtgan-loss-gan",
        {"train": {"pixel_weight": 1.0, "feature_weight": 0.2, "feature_criterion": "l2"}, "steps": [3]},
        {"fake": SMALL_IMAGE, "gt": SMALL_IMAGE},
        without("rgtgan-loss-gan", "D.", "D_grad."),
        asked=["l_g_fea", "l_g_total"],
    ),
    Variation(
        "rrsgan-train-step",
        {
            "train": {"lr_G": 3e-4, "pixel_criterion": "l2"},
            "steps": 1,
            "n_blocks": 0,
            "grad_keys": None,
            "delta_keys": ["Encoder.layer_f.0.bias"],
        },
        FIVE,
        lambda: layout_rows(rrsnet_layout(0)),
        asked=["loss", "loss_pix", "delta_1"],
    ),
    Variation(
        "rgtgan-train-step",
        {
            "train": {"lr_G": 3e-4, "pixel_weight": 0, "gradient_pixel_weight": 2.0, "beta2_G": 0.9},
            "steps": 1,
            "n_blocks": 0,
            "variant": "dense",
            "grad_keys": ["Encoder.layer_f.0.bias"],
            "delta_keys": None,
        },
        FIVE,
        lambda: layout_rows(rgtnet_layout(0)),
        asked=["loss", "loss_grad", "grad_log10"],
    ),
]
