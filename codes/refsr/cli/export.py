"""Writes weights for the published code: refsr export --published SOURCE -o TARGET.pth

SOURCE is a model file, or the folder of a checkpoint or a run (its best checkpoint, else its newest), of RRSNet,
RGTNet, their discriminators, or TSFNet. TARGET is a .pth file of tensors with all published keys, for a strict load.
Parameters that never reach the output are absent from our networks: they are filled with zeros and listed. Networks
that the published code does not support, such as narrower ones, are refused.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.arguments import add_imports
from refsr.core.errors import UsageError

if TYPE_CHECKING:
    from refsr.runs.model_file import ModelCard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", type=Path, metavar="SOURCE", help="model file, or folder of a run or a checkpoint")
    parser.add_argument("--published", action="store_true", required=True, help="write the published keys and layout")
    parser.add_argument("-o", "--output", type=Path, metavar="TARGET", required=True, help="where to write")
    parser.add_argument(
        "--network",
        choices=("G", "D", "D_grad"),
        metavar="G|D|D_grad",
        help="which network of a folder (default: G)",
    )
    parser.add_argument("--raw", action="store_true", help="last weights of a folder instead of their EMA")
    parser.add_argument("--old-torch", action="store_true", help="write a file that torch before 1.6 can read")
    parser.add_argument("--list", action="store_true", help="list every filled key")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    from refsr.interop.weights.families import family_named
    from refsr.interop.weights.publishing import publish, write_published
    from refsr.runs.model_file import model_file_at, read_model

    source: Path = arguments.source
    target: Path = arguments.output
    if target.suffix not in (".pth", ".pt"):
        raise UsageError(f"{target}: expected a name that ends in .pth")
    if target.exists() and not arguments.overwrite:
        raise UsageError(f"{target}: already exists (--overwrite replaces it)")
    if source.is_file() and (arguments.raw or arguments.network):
        raise UsageError(f"{source}: is one network's file; --network and --raw choose in a folder")
    file = model_file_at(source, arguments.network or "G", not arguments.raw)
    network, card = read_model(file)
    form = family_named(card.spec.network).form_of(card.spec.keywords)
    publication = publish(network.state_dict(), form)
    write_published(target, publication, arguments.old_torch)
    print(f"{target}: {card.spec.network} from {file}{_origin(card)}, {len(publication.tensors)} tensors")
    filled = {f"with zeros: {reason}": keys for reason, keys in publication.zeros.items()}
    if publication.fixed:
        filled["with the fixed kernels of the gradient operator"] = publication.fixed
    for how, keys in filled.items():
        print(f"filled {len(keys)} {how}")
        if arguments.list:
            print("".join(f"  {key}\n" for key in keys), end="")
    if form.note:
        print(f"note: {form.note}")
    return 0


def _origin(card: ModelCard) -> str:
    """Iteration of a run's weights, and whether they are averaged."""
    if "step" not in card.origin:
        return ""
    averaged = ", averaged" if card.origin.get("averaged") else ""
    return f" (step {card.origin['step']}{averaged})"
