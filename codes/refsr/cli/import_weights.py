"""Brings in published weights: refsr import SOURCE.pth -o TARGET.safetensors

SOURCE is read as tensors and nothing else; code in it is never run. Its keys say which of our networks it is for:
RRSNet, RGTNet, the discriminator of either, TSFNet, RefDiff (whose training states are read too), SpecGAN, StyleGAN2
and its discriminator (out of whole checkpoints too; --network says which of them), SwinIR, or BasicSR's EDSR and
MSRResNet (of params and params_ema the latter). Every key is accounted for: used, dropped because the published network
never used it or it follows from the rest, missing, or left over. With anything missing, left over or of another shape,
nothing is written. TARGET is a model file that says in its header where it came from.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from refsr.core.errors import UsageError

READINGS = ("offsets", "enlarge", "scale", "upsample", "input_range", "residual_scale", "span")
"""What tensors do not show, by the families that have it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="published .pth file")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="TARGET",
        help="where to write (default: SOURCE's name with .safetensors)",
    )
    _add_choice(parser, "--offsets", ("released", "dense"), "what RGTNet's weights move samples by")
    _add_choice(
        parser,
        "--enlarge",
        ("released", "pixel_shuffle", "bilinear", "truncated", "nearest"),
        "how RGTNet's weights enlarge gradients (the first two), or RefDiff's see LR (the others; default: truncated)",
    )
    parser.add_argument(
        "--scale", type=int, metavar="N", help="the factor of TSFNet's or RefDiff's weights, which do not show it"
    )
    _add_choice(parser, "--upsample", ("released", "stylegan2"), "how StyleGAN2's weights learnt to double an image")
    _add_choice(
        parser,
        "--input-range",
        ("released", "full"),
        "what SpecGAN's weights saw of LR and cubes (default: released)",
    )
    parser.add_argument(
        "--residual-scale",
        type=float,
        metavar="X",
        help="what EDSR's blocks are scaled by (default: 1 with 64 features, 0.1 with 256)",
    )
    parser.add_argument("--span", type=float, metavar="X", help="what EDSR's weights see as white (default: 255)")
    parser.add_argument(
        "--network",
        metavar="NAME",
        help="which network of a checkpoint that holds several, such as StyleGAN2Discriminator",
    )
    parser.add_argument("--list", action="store_true", help="name every dropped key")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")


def _add_choice(parser: argparse.ArgumentParser, option: str, choices: Sequence[str], says: str) -> None:
    parser.add_argument(option, choices=choices, metavar="|".join(choices), help=says)


def run(arguments: argparse.Namespace) -> int:
    from refsr.interop.weights.families import family_of
    from refsr.interop.weights.reading import read_published
    from refsr.interop.weights.writing import write_imported
    from refsr.tasks.blueprint import NetworkSpec

    source: Path = arguments.source
    target: Path = arguments.output if arguments.output is not None else source.with_suffix(".safetensors")
    if target.suffix != ".safetensors":
        raise UsageError(f"{target}: expected a name that ends in .safetensors")
    if target.exists() and not arguments.overwrite:
        raise UsageError(f"{target}: is there already (--overwrite replaces it)")
    published = read_published(source)
    family = family_of(published, arguments.network)
    given = {name: value for name in READINGS if (value := getattr(arguments, name)) is not None}
    options, conversion = family.import_from(published.tensors, given)
    write_imported(target, NetworkSpec(family.network, options), family.model, published, conversion)
    shown = ", ".join(f"{name} {value}" for name, value in options.items())
    of = f" of {published.part}" if published.part is not None else ""
    print(f"{target}: {family.network} ({shown}), {len(conversion.weights)} tensors{of}")
    for reason, keys in conversion.dropped.items():
        print(f"dropped {len(keys)}: {reason}")
        if arguments.list:
            print("".join(f"  {key}\n" for key in keys), end="")
    return 0
