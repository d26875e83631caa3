"""Evaluates weights on the validation and test sets of an option file: refsr val OPTIONS.yml [key=value ...]

Every image is restored, and metrics are computed under named protocols, also for nearest and bicubic interpolation (and
for LR_UX files, if there are any). Weights: --weights, else the best checkpoint of the run, else its newest, else
path.pretrain_model_G (which comes first in a file without a train section). Results are written to the folder of the
run: results/SET/results.json, scores.csv and images, and classes.csv if images are in class folders.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from refsr.cli.arguments import add_imports, add_max_pixels, add_option_file, add_trust, flag
from refsr.cli.console import columns, console_progress
from refsr.core.progress import counted, no_progress

if TYPE_CHECKING:
    from refsr.core.options.schema import Options
    from refsr.evaluation.results import Results, Summary

CLASS_METRICS = ("psnr", "ssim")
"""Metrics printed for each class; the files contain all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_option_file(parser)
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="W",
        help="model file, folder of a run or a checkpoint, or name of bundled weights",
    )
    parser.add_argument("--baselines", action="store_true", help="evaluate only nearest, bicubic and LR_UX files")
    parser.add_argument(
        "--dataset",
        action="append",
        metavar="NAME",
        help="data set of the file (default: all except train); may be repeated",
    )
    parser.add_argument(
        "--protocol",
        action="append",
        metavar="NAME",
        help="protocol (default: rgb-uint8-border4); may be repeated",
    )
    parser.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help="metric in addition to psnr and ssim (docs/metrics.md); may be repeated",
    )
    parser.add_argument("--metric-weights", type=Path, metavar="DIR", help="folder of the weights of metrics")
    parser.add_argument(
        "--ref",
        action="append",
        metavar="PERTURBATION",
        help="evaluate also with a perturbed reference: swap, blank, shift:PX, rotate:DEG, scale:PERCENT, "
        "down:N, recolour, haze:PERCENT, clouds:PERCENT or change:PERCENT; may be repeated",
    )
    parser.add_argument(
        "--task",
        action="append",
        metavar="cover|change",
        help="downstream task: cover, land cover (measured anyway where dataroot_cover is given); change, what changed "
        "since the reference, found in each restored image, against dataroot_mask; may be repeated",
    )
    parser.add_argument(
        "--hsi",
        action="append",
        metavar="PERTURBATION",
        help="evaluate also with a perturbed hyperspectral cube: swap or blank; may be repeated",
    )
    parser.add_argument(
        "--register",
        metavar="none|auto|global|local",
        help="lay references on LR first, instead of what the file says (datasets.NAME.register); perturbations "
        "come before",
    )
    add_trust(parser, consistent="off", guard="off")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="where to write (default: results in the folder of the run)"
    )
    parser.add_argument("--no-images", action="store_true", help="do not save restored images")
    parser.add_argument(
        "--evidence",
        action="store_true",
        help="save beside the images what they rest on (docs/trust.md), for refsr report to lay over them",
    )
    add_max_pixels(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    from refsr.core.errors import UsageError, suggestion
    from refsr.core.options.load import load_options
    from refsr.data.build import build_dataset
    from refsr.data.perturbation import parse_cube_perturbation, parse_perturbation
    from refsr.evaluation.evaluate import TASKS, EvaluationOptions, evaluate
    from refsr.evaluation.metrics import find_metrics, known_metric
    from refsr.evaluation.weights import load_network, weights_file
    from refsr.inference.trust_options import decide
    from refsr.metrics.protocols import DEFAULT_PROTOCOL, protocol
    from refsr.runs.model_file import model_file_at
    from refsr.runs.process_group import joined_process_group
    from refsr.runs.run_folder import RunFolder

    if arguments.baselines and (arguments.weights or arguments.ref or arguments.hsi or arguments.register):
        with_network = "--weights, --ref, --hsi and --register"
        raise UsageError(f"--baselines evaluates no network, so {with_network} cannot be given with it")
    if arguments.evidence and (arguments.baselines or arguments.no_images):
        other = "--baselines" if arguments.baselines else "--no-images"
        raise UsageError(f"--evidence lies beside the images of a network, which {other} leaves out")
    words = registered_words(arguments.file, arguments.overrides, arguments.dataset, arguments.register)
    options = load_options(arguments.file, [*arguments.overrides, *words])
    names = chosen_sets(options, arguments.dataset)
    if arguments.register is not None and not words:
        lack = "no data set with references (dataroot_Ref)"
        raise UsageError(f"--register {arguments.register}: {', '.join(names)}: {lack}")
    protocols = [protocol(name).name for name in arguments.protocol or [DEFAULT_PROTOCOL]]
    metrics = [known_metric(name) for name in arguments.metric or []]
    for task in arguments.task or []:
        if task not in TASKS:
            raise UsageError(f"--task {task}: the tasks are {', '.join(TASKS)}{suggestion(task, TASKS)}")
    ablations = [parse_perturbation(word) for word in arguments.ref or []]
    ablations += [parse_cube_perturbation(word) for word in arguments.hsi or []]
    network, trust = None, None
    if not arguments.baselines:
        given: Path | None = arguments.weights
        chosen = weights_file(options) if given is None else model_file_at(given, averaged=options.val.use_ema)
        network = load_network(chosen)
        asked = decide(
            network.card.trust,
            arguments.consistent,
            arguments.response,
            arguments.ref_strength,
            arguments.guard == "on",
            arguments.evidence,
            spelling=flag,
        )
        trust = None if asked.plain else asked
    root = arguments.output or RunFolder.of(options).path / "results"
    with joined_process_group(options.gpu_ids, options.timeout) as group:
        what = EvaluationOptions(
            protocols=list(dict.fromkeys(protocols)),
            metrics=find_metrics(metrics, arguments.metric_weights, options.scale, group.device),
            ablations=ablations,
            save_images=options.val.save_images and not arguments.no_images,
            limit=options.val.max_images,
            trust=trust,
            tasks=arguments.task or (),
        )
        for name in names:
            dataset = build_dataset(options.datasets[name], options.scale, options.run_seed)
            progress = console_progress if group.is_main else no_progress
            results = evaluate(options, name, dataset, network, what, group, root / name, progress)
            if group.is_main:
                results.write(root / name)
                print("\n".join(_lines(results, root / name)))
    return 0


def chosen_sets(options: Options, asked: Sequence[str] | None) -> list[str]:
    """Names of the data sets to evaluate."""
    from refsr.core.errors import UsageError, suggestion

    there = [name for name in options.datasets if name != "train"]
    for name in asked or []:
        if name not in options.datasets:
            raise UsageError(
                f"--dataset {name}: the data sets are {', '.join(options.datasets)}{suggestion(name, there)}"
            )
    if not there and not asked:
        raise UsageError("the options have no validation or test set (datasets.val, datasets.test)")
    return list(asked or there)


def registered_words(file: Path, overrides: Sequence[str], asked: Sequence[str] | None, mode: str | None) -> list[str]:
    """The overrides that register the references of the chosen sets of an option file, which need not be right yet.

    Several references are a mistake in a file without a registration, so what is registered is known before it is read.
    """
    from refsr.core.options.overrides import apply_overrides
    from refsr.core.options.source import read_source
    from refsr.core.options.yaml_tree import read_tree

    text, unreadable = read_source(file)
    if mode is None or unreadable is not None:
        return []
    tree = read_tree(text, str(file))
    if not isinstance(tree.data, dict):
        return []
    apply_overrides(tree, overrides, "")
    sets = tree.data.get("datasets")
    return [
        f"datasets.{name}.register={mode}"
        for name, one in (sets.items() if isinstance(sets, dict) else ())
        if (name in asked if asked else name != "train") and isinstance(one, dict) and one.get("dataroot_Ref")
    ]


def _lines(results: Results, folder: Path) -> Iterable[str]:
    """The printed table, one block for each protocol."""
    table = results.table()
    yield ""
    for quoted, about in results.protocols.items():
        yield f"{results.dataset}, x{results.scale}, {quoted}: {about}"
        header = ["", *results.metrics, "images"]
        rows = []
        for method in results.methods:
            found = {one.metric: one for one in table if (one.method, one.protocol) == (method, quoted)}
            count = max((one.count for one in found.values()), default=0)
            cells = [
                _cell(found[metric]) + _fewer(results, found[metric], count) if metric in found else ""
                for metric in results.metrics
            ]
            rows.append([method, *cells, str(count)])
        yield from columns(header, rows)
        yield ""
    yield "mean, standard deviation over images, 95 % bootstrap interval of the mean"
    yield from _by_class(results)
    yield from (f"not measured: {line}" for line in results.about["not_measured"])
    yield from (f"note: {line}" for line in results.about["notes"])
    yield f"results: {folder}"


def _by_class(results: Results) -> Iterable[str]:
    """The printed table of class means under the first protocol."""
    from refsr.evaluation.results import CLASSES_FILE

    if not results.classes:
        return
    quoted = next(iter(results.protocols))
    metrics = [name for name in results.metrics if name in CLASS_METRICS]
    heads = [(method, metric) for method in results.methods for metric in metrics]
    rows = []
    for name in results.classes:
        found = {(one.method, one.metric): one for one in results.table(name) if one.protocol == quoted}
        count = max((one.count for one in found.values()), default=0)
        means = [f"{found[head].mean:.{_digits(head[1])}f}" if head in found else "" for head in heads]
        rows.append([name, *means, str(count)])
    yield ""
    yield f"{results.dataset}, x{results.scale}, {quoted}, mean of each class (all protocols: {CLASSES_FILE})"
    yield from columns(["", *(" ".join(head) for head in heads), "images"], rows)
    yield ""


def _digits(metric: str) -> int:
    return 2 if metric == "psnr" else 4


def _cell(one: Summary) -> str:
    if not math.isfinite(one.mean):
        return f"{one.mean}"
    digits = _digits(one.metric)
    if one.count < 2:
        return f"{one.mean:.{digits}f}"
    return f"{one.mean:.{digits}f} ± {one.std:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def _fewer(results: Results, one: Summary, count: int) -> str:
    """` (2 images)` where a mean is over fewer images than the row's others; a metric of the whole set is over all."""
    if one.count == count or "" in results.values(one.method, one.protocol, one.metric):
        return ""
    return f" ({counted(one.count, 'image')})"
