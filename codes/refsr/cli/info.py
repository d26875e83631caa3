"""Describes the installation, or a model: refsr info [MODEL]

Without a model: versions, devices, the back-end of each operator (or why the compiled one is not used), and the bundled
weights. With a model file, the folder of a run, or the name of bundled weights: the network, its inputs and its origin.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from refsr.cli.arguments import add_imports

Rows = list[tuple[str, str]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model",
        nargs="?",
        type=Path,
        metavar="MODEL",
        help="model file, folder of a run, or name of bundled weights",
    )
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    model: Path | None = arguments.model
    page = ""
    if model is None:
        rows = _installation() + _bundled()
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


def _bundled() -> Rows:
    """The bundled weights and their sizes."""
    from refsr.core.registry import bundled

    return [
        ("bundled weights" if at == 0 else "", f"{name} ({file.stat().st_size / 1e6:.1f} MB; refsr info {name})")
        for at, (name, file) in enumerate(bundled().items())
    ]


def _installation() -> Rows:
    """Versions, devices and back-ends."""
    import torch

    from refsr import __version__
    from refsr.ops import deformable_v2
    from refsr.ops.deformable_v3.library import NATIVE

    cuda = torch.cuda.is_available()
    gpus = (
        ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())) if cuda else "none"
    )
    rows = [
        ("refsr", __version__),
        ("python", f"{platform.python_version()} on {platform.machine()}"),
        ("torch", f"{torch.__version__}, {torch.backends.cpu.get_cpu_capability()}, {torch.get_num_threads()} threads"),
        ("GPU", gpus),
    ]
    if NATIVE.stamp:
        stamp = NATIVE.stamp
        architectures = ", ".join(stamp.get("architectures", [])) or "none"
        built = f"for torch {stamp.get('torch')}, CUDA {stamp.get('cuda')} (architectures: {architectures})"
        rows.append(("DCNv3 build", f"{built}, {stamp.get('instructions')}, by {stamp.get('compiler')}"))
    for device in ("cpu", "cuda"):
        empty = torch.empty(0, dtype=torch.float32, device="cpu" if device == "cpu" or not cuda else device)
        reason = "torch sees no GPU" if device == "cuda" and not cuda else NATIVE.why_not(empty)
        rows.append(
            (f"DCNv3 on {device}", "compiled" if reason is None else f"plain torch (compiled one not used: {reason})")
        )
    reason = deformable_v2.why_not(torch.empty(1))
    rows.append(("DCNv2 on cpu", "torchvision" if reason is None else f"plain torch (torchvision not used: {reason})"))
    return rows
