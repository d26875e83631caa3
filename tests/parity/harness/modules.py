"""What answers for networks and their parts share: weights loaded in full, one answer for each entry of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from harness.case import Case, NotCoveredError
from harness.run import Answers
from refsr.interop.weights.conversion import UnusedKeys, convert
from refsr.runs.process_group import ALONE
from refsr.training.precision import Precision
from refsr.training.step import StepRunner

Options = Mapping[str, Any]
Tensors = Mapping[str, Tensor]


def load_module(
    module: nn.Module,
    published: Tensors,
    keys: Mapping[str, str],
    unused: Sequence[UnusedKeys] = (),
    transposed: str | None = None,
) -> nn.Module:
    """The module with published weights, all of which are accounted for."""
    conversion = convert(published, module, keys, unused, transposed)
    conversion.require_complete(type(module).__name__)
    module.load_state_dict(conversion.weights)
    return module


def each_module(case: Case, answer: Callable[[str, Options, Tensors, Tensors], Answers]) -> Answers:
    """The answers of every entry of config.modules: (name, options, its weights, its inputs) each."""
    answers: dict[str, Any] = {}
    with torch.no_grad():
        for name, options in case.config["modules"].items():
            answers |= answer(name, options, case.weights(f"{name}."), case.given(f"{name}_"))
    return answers


def each_input(case: Case, module: nn.Module, label: str = "{}") -> Answers:
    """The module's output for every input, named by the label."""
    with torch.no_grad():
        return {label.format(name): module(given) for name, given in case.given().items()}


def require_equal(case: Case, found: Options) -> None:
    """A NotCoveredError unless the case's options, where it has them, are those that its weights show."""
    require_options(case.config, found, "with weights of {key} {value}")


def require_options(config: Options, wanted: Options, words: str = "not {value}") -> None:
    """A NotCoveredError unless these options, where there are any, have the wanted values."""
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise NotCoveredError(f"{key} {config[key]} {words.format(key=key, value=value)}")


def step_runner_of(task: Any, batch: int = 1) -> StepRunner:
    """The trainer's own steps of a task, on one process in float32; `batch` images an iteration."""
    return StepRunner(task, task.networks, ALONE, Precision("fp32", ALONE.device), task.train, batch)
