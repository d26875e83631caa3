"""Draws the networks for the pages of the systems.

python scripts/network_drawings.py            writes docs/figures/*.svg
python scripts/network_drawings.py --check    only lists files that are out of date, and exits 1 if there are any
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

from drawing import Drawing

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "figures"


def transfer(name: str, says: str, *, gradients: str, moves: str, transferred: str, base: str) -> Drawing:
    """RRSNet and RGTNet, which differ in the text of four boxes."""
    draw = Drawing(name, says, 720, 615)
    lr = draw.box(10, 10, 130, "LR\nh x w", "image")
    lr_up = draw.box(180, 10, 160, "LR_UX4\nLR upsampled", "image")
    ref_down = draw.box(365, 10, 160, "Ref_DUX4\nas blurred as LR_UX4", "image")
    ref = draw.box(550, 10, 160, "Ref\nreference", "image")
    content = draw.box(10, 100, 130, "Content\n16 residual blocks")
    shared = "Encoders, shared by LR_UX4, Ref_DUX4 and Ref"
    encoders = draw.box(180, 100, 530, f"{shared}\nimages and {gradients}; three levels")
    for image, at in ((lr_up, 80), (ref_down, 265), (ref, 450)):
        draw.arrow(image, encoders, into=at / 530)
    draw.arrow(lr, content)
    align = draw.box(180, 190, 530, f"Alignment, from coarse to fine\n{moves}", "moves")
    for at, what in ((80, "predicts offsets"), (265, "predicts offsets"), (450, "is aligned")):
        draw.arrow(encoders, align, at=at / 530, into=at / 530)
        draw.note(180 + at + 8, 171, what)
    draw.group(10, 275, 700, 172, "Texture transfer", low=True)
    maps = [draw.box(x, 305, 130, f"Ref at {size}", "image") for x, size in ((195, "1/4"), (385, "1/2"), (575, "1/1"))]
    for one, at in zip(maps, (80, 270, 460), strict=True):
        draw.arrow(align, one, at=at / 530)
    steps = [draw.box(x, 365, 130, transferred, "weighs") for x in (195, 385, 575)]
    for one, step in zip(maps, steps, strict=True):
        draw.arrow(one, step)
    draw.arrow(content, steps[0], enters="left")
    for one, step in itertools.pairwise(steps):
        draw.arrow(one, step, leaves="right", enters="left")
        draw.note(one.x + one.width + 12, one.y + one.height / 2 - 8, "x2")
    result = draw.box(550, 475, 160, "Restored\ntexture + global skip", "image")
    draw.arrow(steps[2], result, into=(575 + 65 - 550) / 160)
    enlarged = draw.box(370, 475, 130, f"Global skip\n{base}")
    draw.arrow(enlarged, result, leaves="right", enters="left")
    discriminators = draw.box(
        370,
        555,
        340,
        "Discriminators, only to train the GANs\none of images, one of gradient maps",
        "discriminator",
    )
    draw.arrow(result, discriminators, into=(630 - 370) / 340)
    draw.note(10, 490, "Green: reference is aligned.\nViolet: weighted by relevance, refined.\nRed: training only.")
    return draw


def rrsnet() -> Drawing:
    return transfer(
        "rrsgan",
        "RRSNet: encoders, alignment by DCNv2 over three levels, texture transfer, and upsampled LR as global skip",
        gradients="their gradient maps (64 + 16 features)",
        moves="three levels and a cascade; DCNv2 aligns features of Ref",
        transferred="RAM, add\n16 blocks",
        base="LR, bilinear",
    )


def rgtnet() -> Drawing:
    return transfer(
        "rgtgan",
        "RGTNet: as RRSNet, with enhanced gradients, DCNv3 with offsets by DIDConv, and dense blocks in the transfer",
        gradients="gradient maps enhanced by GTEM (64 + 16 features)",
        moves="DCNv3 aligns features of Ref; offsets: dense by DIDConv",
        transferred="RAM, add, DRR\n16 blocks",
        base="LR_UX4",
    )


def specgan() -> Drawing:
    draw = Drawing("specgan", "SpecGAN: LR and cube fused, codes for a latent bank, and a decoder beside it", 720, 640)
    cube = draw.box(30, 10, 200, "Cube\n48 bands, n x n", "image")
    lr = draw.box(490, 10, 200, "LR\n3 bands, n x n", "image")
    branches = [draw.box(x, 92, 200, "Branch\n8 dense blocks") for x in (30, 490)]
    fusion = draw.box(270, 92, 180, "Fusion\nattention, scale, shift", "weighs")
    draw.arrow(cube, branches[0])
    draw.arrow(lr, branches[1])
    draw.arrow(branches[0], fusion, leaves="right", enters="left")
    draw.arrow(branches[1], fusion, leaves="left", enters="right")
    draw.note(270, 80, "twice, with the same weights")
    heads = [
        draw.box(x, 190, 280, text)
        for x, text in ((30, "First head, for the codes"), (410, "Second head, for the image"))
    ]
    for head, into in zip(heads, (0.75, 0.25), strict=True):
        draw.arrow(fusion, head, at=0.35 if head is heads[0] else 0.65, into=into)
    draw.note(318, 240, "inputs: both\nbranches")
    down = draw.box(30, 255, 280, "Downsampling, n x n to 4 x 4")
    codes = draw.box(30, 320, 280, "14 codes of 512 values")
    draw.arrow(heads[0], down)
    draw.arrow(down, codes)
    bank = draw.box(
        30,
        395,
        280,
        "Latent bank: a StyleGAN2\n4 x 4 to n x n: encoder features added\nto 256 x 256: codes only",
        "moves",
    )
    draw.arrow(codes, bank)
    decoder = draw.box(
        410, 395, 280, "Decoder\nn x n to 256 x 256; features of the\nbank are added at each size", height=62
    )
    draw.arrow(heads[1], decoder)
    draw.arrow(bank, decoder, leaves="right", enters="left")
    draw.note(324, 417, "features")
    last = draw.box(220, 505, 280, "Last convolutions, tanh")
    draw.arrow(bank, last, into=0.25)
    draw.arrow(decoder, last, into=0.75)
    draw.note(180, 476, "image")
    draw.note(440, 476, "image")
    result = draw.box(220, 570, 280, "Restored, 256 x 256", "image")
    draw.arrow(last, result)
    discriminator = draw.box(560, 554, 150, "Discriminator\nof images,\ntraining only", "discriminator")
    draw.arrow(result, discriminator, leaves="right", enters="left")
    return draw


def tsfnet() -> Drawing:
    draw = Drawing("tsfnet", "TSFNet: two U-Nets, each node half spatial and half in the frequency domain", 720, 560)
    lr = draw.box(10, 40, 90, "LR", "image")
    large = draw.box(130, 40, 110, "Upsampled\nnearest", "image", height=30 + 16)
    one = draw.box(270, 25, 150, "Stage one\nU-Net, three levels\ncoarse detail")
    coarse = draw.box(450, 40, 110, "Coarse image\nin the loss, too", "image", height=46)
    draw.arrow(lr, large, leaves="right", enters="left", into=15 / 46)
    draw.arrow(large, one, leaves="right", enters="left", into=38 / 62)
    draw.arrow(one, coarse, leaves="right", enters="left", at=38 / 62)
    split = draw.box(260, 130, 170, "Spectral split\nfeatures by bands", "moves")
    draw.arrow(one, split)
    draw.note(356, 112, "four bands")
    two = draw.box(450, 125, 150, "Stage two\nU-Net, three levels\nfine detail")
    draw.arrow(split, two, leaves="right", enters="left", into=28 / 62)
    draw.arrow(coarse, two, into=55 / 150)
    result = draw.box(630, 133, 85, "Restored", "image", height=46)
    draw.arrow(two, result, leaves="right", enters="left", into=23 / 46)
    draw.group(10, 225, 700, 320, "A node of either U-Net, at each size")
    halves = draw.box(30, 330, 110, "Channels\nsplit in two", height=46)
    spatial = draw.box(190, 265, 300, "Spatial branch\nresidual convolutions, twice")
    amplitude = draw.box(290, 365, 150, "Amplitude\nfiltered, gated")
    phase = draw.box(290, 455, 150, "Phase\nguided by it")
    spectrum = draw.box(180, 410, 80, "Spectrum", height=34)
    inverse = draw.box(470, 410, 70, "Inverse", height=34)
    draw.group(165, 338, 390, 185, "Frequency branch (AGPF), twice")
    draw.arrow(halves, spatial, leaves="right", enters="left")
    draw.arrow(halves, spectrum, leaves="bottom", enters="left")
    draw.arrow(spectrum, amplitude, leaves="right", enters="left")
    draw.arrow(spectrum, phase, leaves="right", enters="left")
    draw.arrow(amplitude, phase)
    draw.arrow(amplitude, inverse, leaves="right", enters="left")
    draw.arrow(phase, inverse, leaves="right", enters="left")
    fusion = draw.box(580, 300, 115, "Fusion\nchannel\nattention", "weighs")
    draw.arrow(spatial, fusion, leaves="right", enters="left", into=0.25)
    draw.arrow(inverse, fusion, leaves="right", enters="bottom")
    draw.note(580, 470, "In the encoder of\nstage two it also\ngates features of\nstage one.")
    return draw


def refdiff() -> Drawing:
    draw = Drawing("refdiff", "Ref-Diff: a denoising U-Net; its decoder is conditioned on LR, Ref and mask", 720, 560)
    noisy = draw.box(10, 10, 160, "Noisy image\nat a noise level", "image")
    lr = draw.box(200, 10, 150, "LR\nupsampled", "image")
    mask = draw.box(380, 10, 150, "Change mask\nclasses, 0 unchanged", "image")
    ref = draw.box(560, 10, 150, "Ref\nof another date", "image")
    encoder = draw.box(10, 110, 200, "Encoder\n256, 128, 64 pixels\n4 residual blocks each")
    draw.arrow(noisy, encoder, into=80 / 200)
    draw.arrow(lr, encoder, leaves="left", enters="top", into=0.92)
    draw.note(205, 88, "all four\nconcatenated")
    middle = draw.box(10, 215, 200, "Middle\nattention at 64 pixels", "weighs")
    draw.arrow(encoder, middle)
    decoder = draw.box(10, 300, 200, "Decoder\n64, 128, 256 pixels\n5 residual blocks each")
    draw.arrow(middle, decoder)
    clean = draw.box(10, 405, 200, "Clean image\npredicted", "image")
    draw.arrow(decoder, clean)
    sampler = draw.box(10, 490, 200, "Sampler\nlower noise level, repeat")
    draw.arrow(clean, sampler)
    draw.group(245, 225, 465, 235, "A decoder block", low=True)
    structure = draw.box(262, 300, 205, "SFT by LR and mask\ncontent", "moves")
    texture = draw.box(492, 300, 205, "SFT by Ref and mask\ntexture", "moves")
    first = draw.box(262, 385, 205, "SiLU, convolution, norm", height=34)
    second = draw.box(492, 385, 205, "Noise level, SiLU, convolution", height=34)
    draw.arrow(lr, structure, at=0.9, into=73 / 205)
    draw.arrow(mask, structure, at=0.3, into=163 / 205)
    draw.arrow(mask, texture, at=0.7, into=45 / 205)
    draw.arrow(ref, texture, into=143 / 205)
    draw.arrow(structure, first)
    draw.arrow(first, texture, leaves="right", enters="left")
    draw.arrow(texture, second)
    draw.note(245, 486, "SFT (spatial feature transform): a factor (0 to 1) and a summand for each")
    draw.note(245, 502, "feature and pixel, from features and conditions. What depends only on")
    draw.note(245, 518, "conditions is computed once for an image, not at each noise level.")
    return draw


def gated_transfer() -> Drawing:
    draw = Drawing("gatedtransfer", "GatedTransfer: a single-image network, and detail of Ref through a gate", 720, 520)
    lr = draw.box(10, 20, 140, "LR\nh x w", "image")
    ref = draw.box(400, 20, 140, "Ref\nregistered", "image")
    weight = draw.box(570, 20, 140, "Weight map\nof the registration", "image")
    front = draw.box(10, 110, 140, "Front (optional)\nremoves compression")
    base = draw.box(10, 200, 140, "Base\nEDSR, DAT or another")
    image = draw.box(10, 290, 140, "Image\nwithout a reference", "image")
    for one, other in ((lr, front), (front, base), (base, image)):
        draw.arrow(one, other)
    draw.group(195, 95, 515, 300, "Transfer")
    statistics = draw.box(400, 130, 290, "Means, contrast, correlation\nof image and Ref, around a pixel", "weighs")
    draw.arrow(ref, statistics, into=70 / 290)
    draw.arrow(weight, statistics, into=240 / 290)
    layers = draw.box(
        215, 225, 475, "Pixel unshuffle, 1x1 convolution, residual blocks\nimage and Ref about local means"
    )
    draw.arrow(statistics, layers, into=(400 + 145 - 215) / 475)
    draw.arrow(image, layers, leaves="right", enters="left")
    detail = draw.box(215, 320, 200, "Detail", height=46)
    gate = draw.box(490, 320, 200, "Gate, 0 to 1\n0 where the weight is 0", "weighs", height=46)
    draw.arrow(layers, detail, at=100 / 475)
    draw.arrow(layers, gate, at=375 / 475)
    result = draw.box(215, 450, 200, "Restored\nimage + gate x detail", "image")
    draw.arrow(image, result, enters="left")
    draw.arrow(detail, result)
    draw.arrow(gate, result, enters="right")
    draw.note(450, 455, "Violet: how far Ref can be\ntrusted, and how much of\nit is let through.")
    return draw


DRAWINGS = (rrsnet, rgtnet, specgan, tsfnet, refdiff, gated_transfer)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for draw in DRAWINGS:
        made = draw()
        file = FOLDER / f"{made.name}.svg"
        if file.is_file() and file.read_text() == made.svg():
            continue
        stale.append(file)
        print(f"docs/figures/{file.name}: {'is out of date' if check else 'written'}")
        if not check:
            file.write_text(made.svg())
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
