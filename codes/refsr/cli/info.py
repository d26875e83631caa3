"""Shows versions, devices, and which back-end serves each operator, or why it does not."""

from __future__ import annotations

import argparse
import platform


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Takes no arguments."""


def run(arguments: argparse.Namespace) -> int:
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
    width = max(len(name) for name, _ in rows) + 2
    for name, value in rows:
        print(f"{name:<{width}}{value}")
    return 0
