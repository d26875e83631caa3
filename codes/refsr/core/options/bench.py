"""A bench file: which systems are trained under one budget, on which data, and how they are evaluated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError, model_validator

from refsr.core.errors import OptionsError, UsageError, suggestion
from refsr.core.options.load import load_options
from refsr.core.options.schema_errors import SchemaErrors
from refsr.core.options.section import Section
from refsr.core.options.source import read_source
from refsr.core.options.yaml_tree import read_tree

MARK = "systems"
"""The key that tells a bench file from an option file."""


class SystemOptions(Section):
    """One system of a bench."""

    options: Path = Field(description="its option file, relative to the bench file or to the working folder")
    overrides: list[str] = Field(default=[], description="key=value overrides of its option file")
    start: str | None = Field(default=None, description="the system of this bench whose trained weights initialise it")


class BenchOptions(Section):
    """A whole bench file."""

    name: str = Field(description="name of the bench")
    systems: dict[str, SystemOptions] = Field(min_length=1, description="the systems by their names in the table")
    overrides: list[str] = Field(default=[], description="key=value overrides of every system, before its own")
    iterations: int | None = Field(default=None, gt=0, description="budget of each system in iterations; or")
    minutes: float | None = Field(
        default=None, gt=0, description="in minutes on this machine; neither: niter of each file"
    )
    dataset: str = Field(default="test", description="data set of the evaluation")
    protocol: str | None = Field(default=None, description="protocol of the metrics; none: the default")
    metrics: list[str] = Field(default=[], description="metrics beside psnr and ssim")
    ref: list[str] = Field(
        default=["swap", "blank"], description="perturbations of the reference that are evaluated, too"
    )

    @model_validator(mode="after")
    def _is_in_order(self) -> BenchOptions:
        if self.iterations is not None and self.minutes is not None:
            raise ValueError("iterations and minutes are two budgets; one is enough")
        seen: list[str] = []
        for name, system in self.systems.items():
            if system.start is not None and system.start not in seen:
                hint = suggestion(system.start, seen)
                raise ValueError(f"{name} starts from {system.start!r}, which is not a system above it{hint}")
            seen.append(name)
        return self


def load_bench(files: Sequence[Path]) -> BenchOptions:
    """One bench file, or a bench of plain option files, each under its own name."""
    if len(files) == 1 and (found := read_bench(files[0])) is not None:
        return found
    systems: dict[str, SystemOptions] = {}
    for file in files:
        if read_bench(file) is not None:
            raise UsageError(f"{file}: is a bench of its own; it cannot be one of several")
        name = load_options(file).name
        if name in systems:
            raise UsageError(f"{file}: its name, {name}, is that of {systems[name].options}, too")
        systems[name] = SystemOptions(options=file)
    return BenchOptions(name="bench", systems=systems)


def read_bench(file: Path) -> BenchOptions | None:
    """The bench in a file; None for a file of another kind, whose own reader says what is wrong with it."""
    text, unread = read_source(file)
    if unread is not None:
        raise OptionsError([unread])
    tree = read_tree(text, str(file))
    if not isinstance(tree.data, dict) or MARK not in tree.data:
        return None
    if tree.problems:
        raise OptionsError(tree.problems)
    try:
        bench = BenchOptions.model_validate_json(json.dumps(tree.data), strict=True)
    except ValidationError as error:
        raise OptionsError(SchemaErrors(tree, BenchOptions).problems(error.errors(include_url=False))) from None
    beside = {
        name: system.model_copy(update={"options": _found(file, system.options)})
        for name, system in bench.systems.items()
    }
    return bench.model_copy(update={"systems": beside})


def _found(bench: Path, file: Path) -> Path:
    near = bench.parent / file
    return near if near.exists() or not file.exists() else file
