"""Writes weights for other programs: refsr export --onnx MODEL -o M.onnx

--onnx writes a whole network as an ONNX file, for LR of any height and width from 16 pixels on. It is compared with
torch at three sizes; above a difference of 1e-4 nothing is written. The file's metadata says what it takes and what the
model file says, so refsr restore --model M.onnx gives the same image. --tile N makes a file for LR of N x N pixels
alone, as the QGIS plugin deepness wants it of networks that take LR alone.

--published writes a .pth file of tensors with all published keys, for a strict load by the published code, of RRSNet,
RGTNet, their discriminators, or TSFNet. Parameters that never reach the output are absent from our networks: they are
filled with zeros and listed. Networks that the published code does not support, such as narrower ones, are refused.

MODEL is a model file, the folder of a checkpoint or a run (its best checkpoint, else its newest), or the name of
bundled weights.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.arguments import add_imports
from refsr.cli.console import console_progress
from refsr.core.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

    from refsr.runs.model_file import ModelCard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="MODEL", help="model file, folder of a run or a checkpoint, or name"
    )
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--onnx", action="store_true", help="write the network as an ONNX file")
    form.add_argument("--published", action="store_true", help="write the published keys and layout")
    parser.add_argument("-o", "--output", type=Path, metavar="TARGET", required=True, help="where to write")
    parser.add_argument(
        "--network",
        choices=("G", "D", "D_grad"),
        metavar="G|D|D_grad",
        help="which network of a folder (default: G)",
    )
    parser.add_argument("--raw", action="store_true", help="last weights of a folder instead of their EMA")
    parser.add_argument("--tile", type=int, metavar="N", help="ONNX: LR of N x N pixels and no other size")
    parser.add_argument("--old-torch", action="store_true", help="published: a file that torch before 1.6 can read")
    parser.add_argument("--list", action="store_true", help="published: list every filled key")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    _check(arguments)
    from refsr.runs.model_file import model_file_at, read_model

    source: Path = arguments.source
    file = model_file_at(source, arguments.network or "G", not arguments.raw)
    network, card = read_model(file)
    write = _onnx if arguments.onnx else _published
    return write(arguments, file, network, card)


def _check(arguments: argparse.Namespace) -> None:
    """A UsageError for arguments that do not go together."""
    source, target = arguments.source, arguments.output
    suffixes = (".onnx",) if arguments.onnx else (".pth", ".pt")
    if target.suffix not in suffixes:
        raise UsageError(f"{target}: expected a name that ends in {suffixes[0]}")
    if target.exists() and not arguments.overwrite:
        raise UsageError(f"{target}: already exists (--overwrite replaces it)")
    if source.is_file() and (arguments.raw or arguments.network):
        raise UsageError(f"{source}: is one network's file; --network and --raw choose in a folder")
    others = ("old_torch", "list") if arguments.onnx else ("tile",)
    if given := [name for name in others if getattr(arguments, name)]:
        form = "--published" if arguments.onnx else "--onnx"
        raise UsageError(f"--{given[0].replace('_', '-')} goes with {form}")


def _onnx(arguments: argparse.Namespace, file: Path, network: nn.Module, card: ModelCard) -> int:
    from refsr.interop.onnx.writing import write_onnx

    target: Path = arguments.output
    done = write_onnx(target, network, card, arguments.tile, console_progress)
    takes = done.metadata
    print(f"{target}: {card.spec.network} x{takes.scale} from {file}{_origin(card)}, {done.bytes / 1e6:.1f} MB")
    if takes.side is not None:
        size = f"LR of {takes.side}x{takes.side} pixels"
    else:
        multiple = f", multiples of {takes.multiple}" if takes.multiple > 1 else ""
        size = f"LR from {takes.least} pixels a side on{multiple}"
    print(f"takes {', '.join(takes.inputs)} in [0, 1]; {size}; {takes.channels} channels")
    apart = ", ".join(f"{one:.1e} at LR {name}" for name, one in takes.differences.items())
    print(f"greatest difference from torch: {apart}")
    if done.deepness:
        print("the QGIS plugin deepness can load it")
    return 0


def _published(arguments: argparse.Namespace, file: Path, network: nn.Module, card: ModelCard) -> int:
    from refsr.interop.weights.families import family_named
    from refsr.interop.weights.publishing import publish, write_published

    target: Path = arguments.output
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
