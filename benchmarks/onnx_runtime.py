"""Processor time of the bundled models by torch and as ONNX files by onnxruntime, for a megapixel of the result.

python benchmarks/onnx_runtime.py WORK [MODEL...] writes benchmarks/results/onnx-cpu.json.

WORK takes the ONNX files; those that are there already are used. Both restore the same image in turns, with one thread,
and the best of three rounds counts. Registration is left out, which is the same for both. Of other models the stored
numbers are kept.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from meters import processor

import refsr
from refsr.core.atomic import write_text
from refsr.core.registry import list_models
from refsr.interop.onnx.writing import write_onnx
from refsr.runs.model_file import model_file_at, read_model

RESULT = Path(__file__).resolve().parent / "results" / "onnx-cpu.json"
SIDE = 96
"""Of LR."""
ROUNDS = 3


def compared(name: str, file: Path) -> dict[str, Any]:
    """Seconds of the processor for a megapixel, and how far the images are apart."""
    if not file.is_file():
        write_onnx(file, *read_model(model_file_at(name)))
    restorers = {"torch": refsr.load(name, device="cpu"), "onnxruntime": refsr.load(file)}
    place = refsr.worlds.make(0, size=SIDE * 4, scale=4, seed=5)
    pixels = place.hr.shape[0] * place.hr.shape[1] / 1e6
    seconds = dict.fromkeys(restorers, float("inf"))
    images: dict[str, Any] = {}
    for turn in range(ROUNDS + 1):
        for which, restorer in restorers.items():
            begun = processor(False)
            images[which] = restorer.restore(place.lr, place.hr, register="none").astype(int)
            # The first round takes what is made once.
            if turn:
                seconds[which] = min(seconds[which], processor(False) - begun)
    apart = np.abs(images["torch"] - images["onnxruntime"])
    return {
        "seconds_per_megapixel": {which: round(one / pixels, 3) for which, one in seconds.items()},
        "greatest_difference": int(apart.max()),
        "pixels_that_differ": float(f"{(apart > 0).mean():.1e}"),
        "bytes": file.stat().st_size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="*", choices=[*list_models(), []], metavar="MODEL")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.work.mkdir(parents=True, exist_ok=True)
    before: dict[str, Any] = json.loads(RESULT.read_text())["models"] if RESULT.is_file() else {}
    found = before | {
        name: compared(name, arguments.work / f"{name}.onnx") for name in arguments.models or list_models()
    }
    content = {
        "machine": f"{platform.machine()}, CPU, one thread",
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "side": SIDE,
        "models": {name: found[name] for name in list_models() if name in found},
    }
    write_text(RESULT, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
