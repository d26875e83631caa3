"""Evaluates runs with perturbed references and draws the curves: refsr stress RUN...

Each run is evaluated on its held-out images with eight perturbations of the reference (shift, rotate, scale, down,
recolour, haze, clouds, change) by growing amounts, with the reference of another place, and with a blank one. One HTML
page shows a curve for each run, and bicubic for comparison; a run without a reference is a level line. A table shows
what each run improves, omits and makes up (docs/evaluation.md) with its reference, another place's and none. Results of
the same weights are kept, so an interrupted command is continued by running it again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from refsr.cli.arguments import add_imports, add_max_pixels
from refsr.cli.console import columns, console_progress
from refsr.core.progress import no_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run (ROOT/experiments/NAME)")
    parser.add_argument("--dataset", metavar="NAME", help="data set in the options of the runs (default: test)")
    parser.add_argument(
        "--register",
        metavar="none|auto|global|local",
        help="lay references on LR, after they were perturbed (default: as in the options of the runs)",
    )
    parser.add_argument("--images", type=int, metavar="N", help="evaluate only the first N images")
    parser.add_argument("--metric", default="psnr", metavar="NAME", help="metric to draw (default: psnr)")
    parser.add_argument("--protocol", metavar="NAME", help="protocol (default: rgb-uint8-border4)")
    parser.add_argument("--metric-weights", type=Path, metavar="DIR", help="folder of the weights of metrics")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("stress"), metavar="DIR", help="where to write (default: stress)"
    )
    add_max_pixels(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    from refsr.core.errors import UsageError
    from refsr.evaluation.evaluate import EvaluationOptions
    from refsr.evaluation.metrics import find_metrics, known_metric
    from refsr.evaluation.stress import run_options, stress_run
    from refsr.metrics.invention import WITH_LR
    from refsr.metrics.protocols import DEFAULT_PROTOCOL, protocol
    from refsr.report.stress import collect, write_stress
    from refsr.runs.process_group import joined_process_group

    if arguments.images is not None and arguments.images < 1:
        raise UsageError(f"--images {arguments.images}: expected 1 or more")
    quoted = protocol(arguments.protocol or DEFAULT_PROTOCOL).name
    metric = known_metric(arguments.metric)
    options = [run_options(folder) for folder in arguments.runs]
    scales = {one.scale for one in options}
    if len(scales) > 1:
        raise UsageError(f"runs of different scales cannot share a page: {', '.join(map(str, sorted(scales)))}")
    with joined_process_group(options[0].gpu_ids, options[0].timeout) as group:
        metrics = find_metrics([metric, *WITH_LR], arguments.metric_weights, options[0].scale, group.device)
        if metric not in (*metrics.images, *metrics.with_lr):
            raise UsageError(f"--metric {metric}: {'; '.join(metrics.missing) or 'is computed on whole sets only'}")
        what = EvaluationOptions([quoted], metrics, save_images=False, limit=arguments.images)
        progress = console_progress if group.is_main else no_progress
        results = [
            (one.name, stress_run(folder, arguments.dataset, what, group, progress, arguments.register))
            for one, folder in zip(options, arguments.runs, strict=True)
        ]
        if not group.is_main:
            return 0
    found = collect(results, metric)
    path = write_stress(found, arguments.output)
    digits = found.metric.digits
    rows = [["bicubic", f"{found.floor:.{digits}f}", "", ""]]
    for one in found.systems:
        ends = [one.unperturbed, one.perturbed.get("swap"), one.perturbed.get("blank")]
        rows.append([one.name, *("" if end is None else f"{end:.{digits}f}" for end in ends)])
    print(f"{found.dataset}, x{found.scale}, {found.protocol}, mean {found.metric.label} of {found.places} images")
    print("\n".join(columns(["", "unperturbed", "another place's", "blank"], rows)))
    print(f"curves: {path}")
    return 0
