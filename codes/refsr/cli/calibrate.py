"""Calibrates a run's model on one of its data sets: refsr calibrate RUN --dataset val -o MODEL.safetensors

The model file that is written has the run's weights and a card that says how large errors are: results with --evidence
then have the band uncertainty. The card also says how far results are held to LR, by what that does to PSNR on the set:
hard, soft or off, the first that costs no more than 0.02 dB; and from where on --guard sees a contradiction.

A model that samples also gets intervals for refsr restore --spread.

Calibrate on places that the model was not trained on, like those that it is for; a dozen will do. One half of them fits
the predictor, the other half its 90 % intervals.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from refsr.cli.arguments import add_imports, add_max_pixels
from refsr.cli.console import console_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a run (ROOT/experiments/NAME)")
    parser.add_argument("--dataset", required=True, metavar="NAME", help="data set in the options of the run")
    parser.add_argument(
        "--response",
        default="bicubic",
        metavar="bicubic|box|mtf:X",
        help="how LR's sensor reduces what it sees; X is its transfer function at Nyquist (default: bicubic)",
    )
    parser.add_argument("--images", type=int, metavar="N", help="take only the first N images")
    parser.add_argument(
        "--samples", type=int, metavar="N", help="seeds of the spread of a model that samples (default: 8)"
    )
    parser.add_argument("--device", metavar="cpu|cuda", help="where to compute (default: the GPU, where there is one)")
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.safetensors", help="the model file to write"
    )
    add_max_pixels(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    from refsr.core.errors import UsageError
    from refsr.core.registry import MODEL_SUFFIX
    from refsr.evaluation.calibrate import calibrate_run

    if arguments.images is not None and arguments.images < 1:
        raise UsageError(f"--images {arguments.images}: expected 1 or more")
    if arguments.samples is not None and arguments.samples < 2:
        raise UsageError(f"--samples {arguments.samples}: expected 2 or more")
    if arguments.output.suffix != MODEL_SUFFIX:
        raise UsageError(f"{arguments.output}: a model file's name ends in {MODEL_SUFFIX}")
    if arguments.output.exists() and not arguments.overwrite:
        raise UsageError(f"{arguments.output}: is there already (--overwrite replaces it)")
    trust = calibrate_run(
        arguments.run,
        arguments.dataset,
        arguments.output,
        arguments.response,
        arguments.images,
        arguments.device,
        console_progress,
        *(() if arguments.samples is None else (arguments.samples,)),
    )
    (count,) = trust["calibrated_on"].values()
    softness = f" (softness {trust['softness']:g})" if trust["consistent"] == "soft" else ""
    print(f"{arguments.output}: calibrated on {count} places; held to LR: {trust['consistent']}{softness}")
    return 0
