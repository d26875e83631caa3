"""Shows what is installed, or what a model is: refsr info [MODEL]

Without a model: versions, devices, which back-end serves each operator or why it does not, and the weights that come
along. With a model file, a run's folder or the name of weights that come along: what that model is, and where it came
from.
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
        help="model file, a run's folder, or the name of weights that come along",
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
    """What a model file says of itself, and the page beside it, which weights that come along have."""
    from refsr.evaluation.weights import load_weights
    from refsr.networks.descriptor import Described
    from refsr.runs.model_file import model_file_at

    weights = load_weights(model_file_at(model))
    card = weights.card
    keywords = [f"{key}={value}" for key, value in card.blueprint.keywords.items()]
    rows = [
        ("file", f"{weights.file} ({weights.file.stat().st_size / 1e6:.1f} MB)"),
        ("network", ", ".join([card.blueprint.network, *keywords])),
        ("restores as", card.model),
        ("parameters", f"{weights.record['parameters']:,}"),
        *((f"origin: {key}", str(value)) for key, value in card.origin.items() if not isinstance(value, dict)),
    ]
    if isinstance(weights.network, Described):
        takes = weights.network.descriptor
        rows.append(("takes", f"{', '.join(takes.inputs) or 'draws'}; {takes.channels} bands, x{takes.scale}"))
    page = weights.file.with_suffix(".md")
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True) if page.is_file() else []
    return rows, "".join(line for line in lines if not line.startswith("<!--"))


def _bundled() -> Rows:
    """The weights that come along, and how large they are."""
    from refsr.core.bundled import bundled

    return [
        ("comes along" if at == 0 else "", f"{name} ({file.stat().st_size / 1e6:.1f} MB; refsr info {name})")
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
        rows.append((f"DCNv3 on {device}", "compiled" if reason is None else f"plain torch; not compiled: {reason}"))
    reason = deformable_v2.why_not(torch.empty(1))
    rows.append(("DCNv2 on cpu", "torchvision" if reason is None else f"plain torch; not torchvision: {reason}"))
    return rows
