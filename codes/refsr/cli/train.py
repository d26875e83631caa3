"""Trains what an option file says: refsr train OPTIONS.yml [key=value ...]

Several processes: torchrun --nproc-per-node N -m refsr train OPTIONS.yml, or srun refsr train OPTIONS.yml.
Without a launcher, a machine with several GPUs gets a process for each that gpu_ids counts.
Ctrl-C and SIGTERM save a checkpoint and tell the command that goes on from there.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, TextIO

from refsr.cli.arguments import add_option_file
from refsr.cli.console import console_progress
from refsr.core.progress import no_progress

if TYPE_CHECKING:
    from refsr.core.options.schema import Options
    from refsr.runs.process_group import Group
    from refsr.training.dry_run import Expectation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_option_file(parser)
    parser.add_argument("--auto-resume", action="store_true", help="go on from the run's newest checkpoint, if any")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="read every image, build everything, take one step, tell what to expect; writes nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    from refsr.core.options.load import load_options
    from refsr.runs.process_group import gpus_to_use, joined, launched

    overrides = list(arguments.overrides)
    if arguments.auto_resume:
        overrides.append("path.auto_resume=true")
    launch = launched()
    _talk(launch is None or launch.rank == 0)
    options = load_options(arguments.file, overrides, paths=True)
    if launch is None and (count := gpus_to_use(options.gpu_ids)) > 1:
        _become_launcher(count)
    with joined(options.gpu_ids) as group:
        if arguments.dry_run:
            return _dry_run(options, group)
        return _train(options, group, arguments)


def _train(options: Options, group: Group, arguments: argparse.Namespace) -> int:
    from refsr.training.trainer import train

    # A pipe gets the run's own lines, so a second account of its progress would only be noise.
    bar = group.is_main and sys.stderr.isatty()
    finished = train(options, group, console_progress if bar else no_progress)
    if not group.is_main:
        return 0
    if finished.stopped_by is None:
        print(f"trained to iteration {finished.step}: {finished.folder}")
        return 0
    words = [word for word in arguments.overrides if not word.startswith("path.resume_state=")]
    command = " ".join(["refsr train", str(arguments.file), *words, "--auto-resume"])
    print(f"stopped after iteration {finished.step}, which is saved; go on with: {command}", file=sys.stderr)
    return 128 + (finished.stopped_by or signal.SIGTERM)


def _dry_run(options: Options, group: Group) -> int:
    from refsr.training.dry_run import dry_run

    expectation = dry_run(options, group, console_progress if group.is_main else no_progress)
    if group.is_main:
        print("\n".join(f"{name:<22}{value}" for name, value in _rows(expectation)))
    return 0


def _rows(found: Expectation) -> list[tuple[str, str]]:
    hours = found.seconds / 3600
    return [
        ("run folder", str(found.folder)),
        ("samples", f"{found.samples} to train on, {found.validation_samples} to validate on"),
        ("parameters", ", ".join(f"{name} {count:,}" for name, count in found.parameters.items())),
        ("losses of step 1", ", ".join(f"{name} {value:.4g}" for name, value in found.losses.items())),
        ("iterations", f"{found.niter}, {found.epochs:.1f} times through the data"),
        ("time", f"{found.seconds_a_step:.2f} s a step, {hours:.1f} hours in all with {found.validations} validations"),
        ("memory", f"{found.memory_mib / 1024:.2f} GiB at most so far"),
        ("checkpoint", f"{found.checkpoint_mib:.1f} MiB each"),
    ]


def _become_launcher(count: int) -> None:
    """Starts this command anew, once a GPU."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    os.execv(sys.executable, [*words, "-m", "refsr", *sys.argv[1:]])


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at the time, which a live bar replaces."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


def _talk(is_main: bool) -> None:
    """Log lines go above the bar, and only one process has any."""
    handler = _Stderr()
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO if is_main else logging.ERROR)
