"""Describes the installation, or a model: refsr info [MODEL]

Without a model: versions, devices, the back-end of each operator (or why the compiled one is not used), and the bundled
weights. With a model file, the folder of a run, or the name of bundled weights: the network, its inputs and its origin.
With an ONNX file that refsr wrote: what it takes, and how near it is to torch.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import platform
import runpy
from pathlib import Path

from refsr.cli.arguments import add_imports
from refsr.core.errors import RefsrError
from refsr.core.instructions import vector_instructions
from refsr.core.progress import counted
from refsr.core.registry import ONNX_SUFFIX
from refsr.core.version import __version__
from refsr.ops.build_stamp import FOLDER, LIBRARY_NAME, NOT_BUILT, missing, stamp_of

Rows = list[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        nargs="?",
        type=Path,
        metavar="MODEL",
        help="model file, folder of a run, name of bundled weights, or ONNX file",
    )
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    model: Path | None = arguments.model
    page = ""
    if model is None:
        rows = _installation() + _bundled()
    elif model.suffix == ONNX_SUFFIX:
        rows = _onnx(model)
    else:
        rows, page = _model(model)
    width = max(len(name) for name, _ in rows) + 2
    for name, value in rows:
        print(f"{name:<{width}}{value}")
    if page:
        print(f"\n{page}", end="")
    return 0


def _model(model: Path) -> tuple[Rows, str]:
    """The description of a model file, and the model page beside it, which bundled weights have."""
    from refsr.evaluation.weights import load_network
    from refsr.networks.descriptor import DescribedNetwork
    from refsr.runs.model_file import model_file_at

    loaded = load_network(model_file_at(model))
    card = loaded.card
    keywords = [f"{key}={value}" for key, value in card.spec.keywords.items()]
    rows = [
        ("file", f"{loaded.file} ({loaded.file.stat().st_size / 1e6:.1f} MB)"),
        ("network", ", ".join([card.spec.network, *keywords])),
        ("model", card.model),
        ("parameters", f"{loaded.record['parameters']:,}"),
        *((f"origin: {key}", str(value)) for key, value in card.origin.items() if not isinstance(value, dict)),
    ]
    if isinstance(loaded.module, DescribedNetwork):
        takes = loaded.module.descriptor
        rows.append(("inputs", f"{', '.join(takes.inputs) or 'noise'}; {takes.channels} channels, x{takes.scale}"))
    page = loaded.file.with_suffix(".md")
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True) if page.is_file() else []
    return rows, "".join(line for line in lines if not line.startswith("<!--"))


def _onnx(file: Path) -> Rows:
    """What an ONNX file says of itself."""
    from refsr.runs.onnx_file import onnx_metadata

    takes = onnx_metadata(file)
    size = f"{takes.side}x{takes.side} pixels" if takes.side else f"from {takes.least} pixels a side on"
    apart = ", ".join(f"{one:.1e} at {name}" for name, one in takes.differences.items())
    return [
        ("file", f"{file} ({file.stat().st_size / 1e6:.1f} MB), written by refsr {takes.refsr}"),
        ("network", f"{takes.network}; {takes.channels} channels, x{takes.scale}"),
        ("inputs", f"{', '.join(takes.inputs)} in [{takes.value_range[0]:g}, {takes.value_range[1]:g}]"),
        ("LR", f"{size}, in multiples of {takes.multiple}; halo {takes.halo if takes.halo is not None else 'none'}"),
        ("from torch", apart),
        ("weights", f"SHA-256 {takes.model_sha256}"),
    ]


def _bundled() -> Rows:
    """The bundled weights and their sizes."""
    from refsr.core.registry import bundled

    return [
        ("bundled weights" if at == 0 else "", f"{name} ({file.stat().st_size / 1e6:.1f} MB; refsr info {name})")
        for at, (name, file) in enumerate(bundled().items())
    ]


def _installation() -> Rows:
    """Versions, devices and back-ends; torch, which takes seconds to import, is asked only where there may be a GPU."""
    version, built_for_cuda = _torch_version()
    gpus = _gpus() if built_for_cuda else []
    stamp, reason = stamp_of(FOLDER, version) if (FOLDER / LIBRARY_NAME).is_file() else ({}, NOT_BUILT)
    rows = [
        ("refsr", __version__),
        ("python", f"{platform.python_version()} on {platform.machine()}, {vector_instructions()}, {_cores()}"),
        ("torch", version),
        ("GPU", ", ".join(gpus) or "none"),
    ]
    if stamp:
        architectures = ", ".join(stamp.get("architectures", [])) or "none"
        built = f"for torch {stamp.get('torch')}, CUDA {stamp.get('cuda')} (architectures: {architectures})"
        rows.append(("operators built", f"{built}, {stamp.get('instructions')}, by {stamp.get('compiler')}"))
    for operator in ("DCNv3", "DCNv2"):
        why_not = reason or missing(operator.lower(), stamp)
        rows.append((f"{operator} on cpu", _served(why_not)))
    rows.append(("DCNv3 on cuda", _served(_why_not_on_gpu() if gpus else "torch sees no GPU")))
    return rows


def _served(why_not: str | None) -> str:
    return "compiled" if why_not is None else f"plain torch (compiled one not used: {why_not})"


def _torch_version() -> tuple[str, bool]:
    """The version of the torch that would be imported, and whether it is built for CUDA."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        raise RefsrError("torch is not installed")
    said = runpy.run_path(str(Path(found.origin).with_name("version.py")))
    return said["__version__"], said.get("cuda") is not None


def _gpus() -> list[str]:
    """The names of the GPUs that torch can use."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return []
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return [torch.cuda.get_device_name(index) for index in range(count)]


def _why_not_on_gpu() -> str | None:
    import torch

    from refsr.ops import native

    return native.LIBRARY.why_not("dcnv3", torch.empty(0, device="cuda"))


def _cores() -> str:
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return counted(count, "core")
