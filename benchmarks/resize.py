"""Times imresize and imresize_tensor against the same resizing as two dense matrix products.

python benchmarks/resize.py [--threads N] writes benchmarks/results/resize.json: milliseconds, the best of several runs
that take turns, so that what else the machine does hits all of them alike.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

from refsr.ops.resize import ResizeAxis, imresize, imresize_tensor, weight_blocks

RESULTS = Path(__file__).resolve().parent / "results" / "resize.json"
# Side, bands, factor.
CASES = [
    (64, 3, "1/4"),
    (64, 3, "4"),
    (120, 3, "4"),
    (480, 3, "1/2"),
    (480, 3, "1/4"),
    (480, 3, "1/16"),
    (480, 3, "2/3"),
    (256, 31, "1/4"),
    (512, 3, "4"),
    (2048, 3, "1/4"),
]


def matrix(length: int, factor: Fraction) -> np.ndarray:
    """The whole axis as one dense matrix."""
    outputs = -(-length * factor.numerator // factor.denominator)
    whole = np.zeros((outputs, length), np.float32)
    (block,) = weight_blocks(
        ResizeAxis(length, outputs, factor.numerator, factor.denominator, "bicubic", True), outputs, "float32"
    )
    whole[:, block.first : block.end] = block.weights
    return whole


def dense_array(image: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Both axes as dense products, laid out so that each is one call of BLAS."""
    height, width, bands = image.shape
    outputs = len(weights)
    rows = (weights @ image.reshape(height, -1)).reshape(outputs, width, bands).transpose(0, 2, 1)
    columns = rows.reshape(-1, width) @ weights.T
    return np.ascontiguousarray(columns.reshape(outputs, bands, outputs).transpose(0, 2, 1))


def milliseconds(rivals: dict[str, Callable[[], object]], budget: float = 1.0) -> dict[str, float]:
    """The best time of each rival, all of them run in turns for about `budget` seconds."""
    for run in rivals.values():
        run()
    best = dict.fromkeys(rivals, float("inf"))
    end, rounds = time.perf_counter() + budget, 0
    while rounds < 5 or time.perf_counter() < end:
        for name, run in rivals.items():
            started = time.perf_counter()
            run()
            best[name] = min(best[name], 1e3 * (time.perf_counter() - started))
        rounds += 1
    return {name: round(value, 3) for name, value in best.items()}


def forward_and_backward(resize: Callable[[torch.Tensor], torch.Tensor], image: torch.Tensor) -> Callable[[], None]:
    def run() -> None:
        image.grad = None
        resize(image).sum().backward()

    return run


def measure(side: int, bands: int, factor: str) -> dict[str, object]:
    image = np.random.default_rng(0).random((side, side, bands), dtype=np.float32)
    weights = matrix(side, Fraction(factor))
    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))).requires_grad_()
    constant, weights_tensor = tensor.detach(), torch.from_numpy(weights)
    np.testing.assert_allclose(imresize(image, factor), dense_array(image, weights), atol=1e-5)
    times = milliseconds(
        {
            "array": lambda: imresize(image, factor),
            "array_dense": lambda: dense_array(image, weights),
            "tensor": lambda: imresize_tensor(constant, factor),
            "tensor_dense": lambda: weights_tensor @ constant @ weights_tensor.T,
            "backward": forward_and_backward(lambda x: imresize_tensor(x, factor), tensor),
            "backward_dense": forward_and_backward(lambda x: weights_tensor @ x @ weights_tensor.T, tensor),
        }
    )
    gains = {kind: round(times[f"{kind}_dense"] / times[kind], 2) for kind in ("array", "tensor", "backward")}
    return {"side": side, "bands": bands, "factor": factor, "milliseconds": times, "times_faster_than_dense": gains}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="of torch; NumPy's follow OMP_NUM_THREADS")
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    rows = []
    for case in CASES:
        rows.append(measure(*case))
        print(*case, rows[-1]["times_faster_than_dense"], flush=True)
    machine = {"processor": platform.machine(), "torch_threads": threads, "torch": torch.__version__.split("+")[0]}
    RESULTS.write_text(json.dumps({"what": __doc__.splitlines()[0], "machine": machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
