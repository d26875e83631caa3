"""Operators: one public function each, a reference in plain torch that defines it, and fast back-ends that agree."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from refsr.ops.deformable_v2 import dcnv2
    from refsr.ops.deformable_v3 import dcnv3
    from refsr.ops.gradient import gradient_magnitude, image_gradients

__all__ = ["dcnv2", "dcnv3", "gradient_magnitude", "image_gradients"]

# Imported when used, so that resizing arrays needs no torch.
_PLACES = {
    "dcnv2": "refsr.ops.deformable_v2",
    "dcnv3": "refsr.ops.deformable_v3",
    "gradient_magnitude": "refsr.ops.gradient",
    "image_gradients": "refsr.ops.gradient",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
