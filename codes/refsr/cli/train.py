"""Trains a network from an option file: refsr train OPTIONS.yml [key=value ...]

Several processes: torchrun --nproc-per-node N -m refsr train OPTIONS.yml, or srun refsr train OPTIONS.yml. Without a
launcher, one process is started for each GPU in gpu_ids. Ctrl-C, SIGTERM and SIGHUP save a checkpoint and print the
command that resumes from it. The exit code is 0 after the last iteration only; after such a stop it is 130, 143 or 129.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from refsr.cli.arguments import add_max_pixels, add_option_file
from refsr.cli.console import console_progress
from refsr.core.progress import duration, no_progress

if TYPE_CHECKING:
    from refsr.core.options.schema import Options
    from refsr.runs.process_group import Group
    from refsr.training.dry_run import RunEstimate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_option_file(parser)
    parser.add_argument("--auto-resume", action="store_true", help="resume from the newest checkpoint, if there is one")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="check all images, build everything, train two iterations, print expected time and memory; write nothing",
    )
    add_max_pixels(parser)


def run(arguments: argparse.Namespace) -> int:
    from refsr.core.options.load import load_options
    from refsr.runs.process_group import gpus_to_use, joined_process_group, launched

    overrides = list(arguments.overrides)
    if arguments.auto_resume:
        overrides.append("path.auto_resume=true")
    launch = launched()
    _configure_logging(launch is None or launch.rank == 0)
    options = load_options(arguments.file, overrides, paths=True)
    if launch is None and (count := gpus_to_use(options.gpu_ids)) > 1:
        _become_launcher(count)
    with joined_process_group(options.gpu_ids, options.timeout) as group:
        if arguments.dry_run:
            return _dry_run(options, group)
        return _train(options, group, arguments)


def _train(options: Options, group: Group, arguments: argparse.Namespace) -> int:
    from refsr.training.trainer import train

    # Without a terminal the log lines of the run show its progress.
    bar = group.is_main and sys.stderr.isatty()
    finished = train(options, group, console_progress if bar else no_progress)
    if not group.is_main:
        return 0
    if finished.stopped_by is None:
        print(f"trained to iteration {finished.step}: {finished.folder}")
        return 0
    overrides = [word for word in arguments.overrides if not word.startswith("path.resume_state=")]
    command = " ".join(["refsr train", str(arguments.file), *overrides, "--auto-resume"])
    print(f"stopped after iteration {finished.step}, which is saved; resume with: {command}", file=sys.stderr)
    return 128 + (finished.stopped_by or signal.SIGTERM)


def _dry_run(options: Options, group: Group) -> int:
    from refsr.training.dry_run import dry_run

    estimate = dry_run(options, group, console_progress if group.is_main else no_progress)
    if group.is_main:
        print("\n".join(f"{name:<22}{value}" for name, value in _rows(estimate)))
    return 0


def _rows(found: RunEstimate) -> list[tuple[str, str]]:
    time = f"{found.seconds_a_step:.2f} s/iteration, {duration(found.seconds)} in all"
    return [
        ("run folder", str(found.folder)),
        ("samples", f"{found.samples} for training, {found.validation_samples} for validation"),
        ("parameters", ", ".join(f"{name} {count:,}" for name, count in found.parameters.items())),
        ("losses of step 1", ", ".join(f"{name} {value:.4g}" for name, value in found.losses.items())),
        ("iterations", f"{found.niter}, {found.epochs:.1f} epochs"),
        ("time", f"{time} with {found.validations} validations"),
        ("memory", "" if found.memory_mib is None else f"{found.memory_mib / 1024:.2f} GiB peak so far"),
        ("checkpoint", f"{found.checkpoint_mib:.1f} MiB each"),
    ]


def _become_launcher(count: int) -> None:
    """Replaces this process by a launcher that runs the command in `count` processes, one for each GPU."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    os.execv(sys.executable, [*words, "-m", "refsr", *sys.argv[1:]])


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to the current standard error, which a live progress bar replaces."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def _configure_logging(is_main: bool) -> None:
    """Prints log lines above the progress bar, from the main process only."""
    handler = _Stderr()
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if is_main else logging.ERROR)
