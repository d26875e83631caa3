"""What a command imports before it begins: each of these takes from half a second to four seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refsr.data.images import write_image

SLOW = ("torch._dynamo", "torch._inductor", "torchvision", "torch.onnx", "scipy", "pandas", "matplotlib")


def imported(words: list[str], names: tuple[str, ...]) -> str:
    """Which of these modules the command has imported when it ends."""
    code = (
        f"import sys; from refsr.cli.main import main; main({words!r}); "
        f"print(*(name for name in {names!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_the_installation_is_told_without_torch() -> None:
    assert imported(["info"], ("torch", *SLOW)) == ""


@pytest.mark.parametrize("model", ["rrsnet-small-x4", "refsr-x4"])
def test_restoring_imports_no_compiler_and_no_torchvision(model: str, tmp_path: Path) -> None:
    drawn = np.random.default_rng(0)
    for name, side in (("lr", 12), ("ref", 48)):
        write_image(tmp_path / f"{name}.png", drawn.integers(0, 256, (side, side, 3), np.uint8))
    images = [f"--{name}={tmp_path / name}.png" for name in ("lr", "ref")]
    words = ["restore", f"--model={model}", *images, "-o", str(tmp_path / "out.png"), "--register=none"]
    assert imported([*words, "--device=cpu"], SLOW) == ""
    assert (tmp_path / "out.png").is_file()
