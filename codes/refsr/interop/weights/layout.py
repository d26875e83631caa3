"""The published state dicts: every key, used or not, with its shape, in the published order."""

from __future__ import annotations

from collections.abc import Callable

Layout = dict[str, tuple[int, ...]]

WIDTH, GRADIENT_WIDTH = 64, 16
ALIGNED = WIDTH + GRADIENT_WIDTH
GROUPS = 8
TAIL_BLOCKS = 16
"""Residual blocks of GTEM and of the offset tails; constants of the published code."""
DISCRIMINATOR_WIDTH, DISCRIMINATOR_SIDE, DISCRIMINATOR_HIDDEN = 64, 8, 100

KERNEL_KEYS = ("get_g_nopadding.weight_h", "get_g_nopadding.weight_v")


def rrsnet_layout(blocks: int) -> Layout:
    """The generator of RRSGAN with so many residual blocks in the content extractor and in each texture body."""
    return {
        **_kernels(),
        **_encoder("Encoder", WIDTH),
        **_encoder("Encoder_grad", GRADIENT_WIDTH),
        **_alignment(_dcnv2, unused=False),
        **_content(blocks),
        **_texture(blocks),
    }


def rgtnet_layout(blocks: int) -> Layout:
    """The generator of RGTGAN."""
    return {
        **_kernels(),
        **_encoder("Encoder", WIDTH),
        **_encoder("Encoder_grad_ori", GRADIENT_WIDTH),
        **_alignment(_dcnv3, unused=True),
        **_content(blocks),
        **_texture(blocks),
        **_drr("texture_transfer"),
        **_gtem(),
    }


def discriminator_layout(in_nc: int) -> Layout:
    """The discriminator of both, which never has another width."""
    layout = _layer("conv0_0", DISCRIMINATOR_WIDTH, in_nc, 3)
    before = DISCRIMINATOR_WIDTH
    for halving in range(5):
        after = DISCRIMINATOR_WIDTH * min(8, 2**halving)
        if halving:
            layout[f"conv{halving}_0.weight"] = (after, before, 3, 3)
        layout[f"conv{halving}_1.weight"] = (after, after, 4, 4)
        before = after
    return (
        layout
        | _linear("linear1", DISCRIMINATOR_HIDDEN, before * DISCRIMINATOR_SIDE**2)
        | _linear("linear2", 1, DISCRIMINATOR_HIDDEN)
    )


def _layer(name: str, outputs: int, inputs: int, side: int = 3) -> Layout:
    return {f"{name}.weight": (outputs, inputs, side, side), f"{name}.bias": (outputs,)}


def _turned_layer(name: str, outputs: int, inputs: int, side: int = 3) -> Layout:
    """A transposed convolution followed by its activation."""
    return {f"{name}.0.weight": (inputs, outputs, side, side), f"{name}.0.bias": (outputs,)}


def _linear(name: str, outputs: int, inputs: int) -> Layout:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _chain(name: str, channels: int, blocks: int) -> Layout:
    layout: Layout = {}
    for block in range(blocks):
        for step in (0, 2):
            layout |= _layer(f"{name}.{block}.body.{step}", channels, channels)
    return layout


def _kernels() -> Layout:
    return dict.fromkeys(KERNEL_KEYS, (1, 1, 3, 3))


def _encoder(name: str, channels: int) -> Layout:
    layout = _layer(f"{name}.layer_f.0", channels, 3, 5)
    for level in (1, 2, 3):
        layout |= _layer(f"{name}.conv{level}.0", channels, channels, 5)
    return layout


def _dcnv2(name: str) -> Layout:
    return _layer(name, ALIGNED, ALIGNED) | _layer(f"{name}.conv_offset_mask", GROUPS * 27, ALIGNED)


def _dcnv3(name: str) -> Layout:
    norm = f"{name}.dw_conv.1.1"
    return {
        **_layer(f"{name}.dw_conv.0", ALIGNED, 1),
        f"{norm}.weight": (ALIGNED,),
        f"{norm}.bias": (ALIGNED,),
        **_linear(f"{name}.offset", GROUPS * 18, ALIGNED),
        **_linear(f"{name}.mask", GROUPS * 9, ALIGNED),
        **_linear(f"{name}.input_proj", ALIGNED, ALIGNED),
        **_linear(f"{name}.output_proj", ALIGNED, ALIGNED),
    }


def _alignment(deformable: Callable[[str], Layout], unused: bool) -> Layout:
    layout: Layout = {}
    for level in (3, 2, 1):
        own, coarsest = f"gpcd_align.L{level}_", level == 3
        layout |= _layer(f"{own}offset_conv1", ALIGNED, 2 * ALIGNED)
        layout |= _layer(f"{own}offset_conv2", ALIGNED, ALIGNED if coarsest else 2 * ALIGNED)
        if not coarsest:
            layout |= _layer(f"{own}offset_conv3", ALIGNED, ALIGNED)
        if unused:
            layout |= _unused_offsets(own, _dense() if coarsest else {})
        layout |= deformable(f"{own}dcnpack")
        layout |= _layer(f"{own}fea_conv", ALIGNED if level == 1 else WIDTH, ALIGNED if coarsest else ALIGNED + WIDTH)
    layout |= _layer("gpcd_align.cas_offset_conv1", ALIGNED, 2 * ALIGNED)
    layout |= _layer("gpcd_align.cas_offset_conv2", ALIGNED, ALIGNED)
    if unused:
        layout |= _unused_offsets("gpcd_align.", {})
    return layout | deformable("gpcd_align.cas_dcnpack") | _layer("gpcd_align.cas_fea_conv", WIDTH, ALIGNED)


def _unused_offsets(own: str, between: Layout) -> Layout:
    return {
        **_layer(f"{own}offset_head_conv1", ALIGNED, 2 * ALIGNED),
        **between,
        **_layer(f"{own}offset_head_conv2", ALIGNED, ALIGNED),
        **_chain(f"{own}offset_tail", ALIGNED, TAIL_BLOCKS),
    }


def _dense() -> Layout:
    layout = _layer("gpcd_align.DenseRes.offset_conv1", ALIGNED, 2 * ALIGNED)
    for side in (3, 5, 7):
        layout |= _layer(f"gpcd_align.DenseRes.conv{side}", ALIGNED, ALIGNED, side)
    return layout | _layer("gpcd_align.DenseRes.offset_conv2", ALIGNED, 3 * ALIGNED)


def _content(blocks: int) -> Layout:
    name = "content_extractor"
    layout = _layer(f"{name}.head.0", WIDTH, 3) | _chain(f"{name}.body", WIDTH, blocks)
    for at, outputs in {0: 4 * WIDTH, 3: 4 * WIDTH, 6: WIDTH, 8: 3}.items():
        layout |= _layer(f"{name}.tail.{at}", outputs, WIDTH)
    return layout


def _texture(blocks: int) -> Layout:
    layout: Layout = {}
    for size in ("small", "medium", "large"):
        for kind in ("mul", "add"):
            relevance = f"texture_transfer.ram_head_{size}.{kind}_conv"
            layout |= _layer(f"{relevance}1", WIDTH // 2, 2 * WIDTH) | _layer(f"{relevance}2", WIDTH, WIDTH // 2)
        layout |= _layer(f"texture_transfer.head_{size}.0", WIDTH, 2 * WIDTH)
        layout |= _chain(f"texture_transfer.body_{size}", WIDTH, blocks)
        tail = f"texture_transfer.tail_{size}"
        if size != "large":
            layout |= _layer(f"{tail}.0", 4 * WIDTH, WIDTH)
        else:
            layout |= _layer(f"{tail}.0", WIDTH // 2, WIDTH) | _layer(f"{tail}.2", 3, WIDTH // 2)
    return layout


def _drr(name: str) -> Layout:
    layout: Layout = {}
    for number in range(1, 8):
        inputs, side = (WIDTH, 3) if number < 4 else (4 * WIDTH, 1) if number < 7 else (3 * WIDTH, 3)
        layout |= _turned_layer(f"{name}.dconv_ud{number}", WIDTH, inputs, side)
    return layout


def _gtem() -> Layout:
    shrink = {"e1": (WIDTH, 3), "e2": (WIDTH, WIDTH), "e3": (128, WIDTH), "e4": (128, 128), "e5": (256, 128)}
    attend = {"m3": (WIDTH, WIDTH), "m4": (128, WIDTH), "m5": (256, 128), "m6": (WIDTH, 256)}
    enlarge = {"d3": (256, WIDTH), "d4": (256, WIDTH), "fusion2": (3, WIDTH)}
    layout: Layout = {}
    for number, widths in (shrink | {"e7": (WIDTH, 256)}).items():
        layout |= _layer(f"GTEM.conv_{number}.0", *widths)
    layout |= _drr("GTEM") | _chain("GTEM.res_dense", WIDTH, TAIL_BLOCKS) | _layer("GTEM.conv_e8.0", 256, WIDTH)
    for number, widths in (attend | enlarge).items():
        layout |= _turned_layer(f"GTEM.dconv_{number}", *widths)
    return layout
