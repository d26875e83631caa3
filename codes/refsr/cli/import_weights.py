"""Brings in published weights: a .pth file becomes a model file for our network of that kind.

SOURCE is read as tensors and nothing else; code in it is never run. Every key is accounted for: used, dropped because
the published network never used it, missing, or left over. With anything missing, left over or of another shape,
nothing is written. TARGET (default: SOURCE's name with .safetensors) says in its header where it came from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from refsr.core.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE")
    parser.add_argument("-o", "--output", type=Path, metavar="TARGET", help="where the weights go")
    parser.add_argument("--list", action="store_true", help="name every dropped key")
    parser.add_argument("--overwrite", action="store_true", help="replace TARGET if it is there")


def run(arguments: argparse.Namespace) -> int:
    from refsr.interop.weights.reading import read_published
    from refsr.interop.weights.rrsnet import import_rrsnet, rrsnet_options
    from refsr.interop.weights.writing import write_imported
    from refsr.tasks.blueprint import Blueprint

    source: Path = arguments.source
    target: Path = arguments.output if arguments.output is not None else source.with_suffix(".safetensors")
    if target.suffix != ".safetensors":
        raise UsageError(f"{target}: expected a name that ends in .safetensors")
    if target.exists() and not arguments.overwrite:
        raise UsageError(f"{target}: is there already (--overwrite replaces it)")
    published = read_published(source)
    options = rrsnet_options(published.tensors)
    _, conversion = import_rrsnet(published.tensors)
    write_imported(target, Blueprint("RRSNet", options), "RRSNet_model", published, conversion)
    shown = ", ".join(f"{name} {value}" for name, value in options.items())
    print(f"{target}: RRSNet ({shown}), {len(conversion.weights)} tensors")
    for reason, keys in conversion.dropped.items():
        print(f"dropped {len(keys)}: {reason}")
        if arguments.list:
            print("".join(f"  {key}\n" for key in keys), end="")
    return 0
