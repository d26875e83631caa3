"""Our operators for torch.library, in the namespace `refsr`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch

LIBRARY = torch.library.Library("refsr", "FRAGMENT")  # type: ignore[no-untyped-call]


def define(name: str, function: Callable[..., Any], fake: Callable[..., Any]) -> Any:
    """The operator `refsr::name` that a function of tensors and numbers computes; `fake` gives its result's shape.

    As `torch.library.custom_op` makes it, whose first call imports torch's compiler: four seconds for nothing.
    """
    LIBRARY.define(name + torch.library.infer_schema(function, mutates_args=()))  # type: ignore[no-untyped-call]
    LIBRARY.impl(name, function, "CompositeExplicitAutograd")  # type: ignore[no-untyped-call]
    torch.library.register_fake(f"refsr::{name}", fake, lib=LIBRARY)
    return getattr(torch.ops.refsr, name).default


def is_in_onnx_export() -> bool:
    """As torch.onnx says, which takes half a second to import; nothing is exported before something else did."""
    return "torch.onnx" in sys.modules and torch.onnx.is_in_onnx_export()
