"""Our weights in the published form: all published keys in order, unused ones filled in."""

from __future__ import annotations

import io
import re
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from refsr.core.atomic import write_bytes
from refsr.core.errors import DataError
from refsr.interop.weights.conversion import UnusedKeys, in_published_form
from refsr.interop.weights.layout import KERNEL_KEYS, Layout

_ACROSS = torch.tensor([[0.0, 0.0, 0.0], [-1.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
FIXED = dict(zip(KERNEL_KEYS, (_ACROSS[None, None], _ACROSS.T[None, None]), strict=True))
"""Constants in the published state dict."""


@dataclass(frozen=True)
class Form:
    """How the published code stores a network."""

    layout: Layout
    keys: Mapping[str, str]
    """The network's keys to the published ones."""
    unused: Sequence[UnusedKeys] = ()
    transposed: str | None = None
    """Pattern of published keys that hold kernels of transposed convolutions; ours are ordinary ones."""
    note: str = ""
    """What the published code does differently with these weights."""


@dataclass(frozen=True)
class Publication:
    """A published state dict, and which of its entries are not the network's."""

    tensors: OrderedDict[str, Tensor]
    zeros: dict[str, list[str]] = field(default_factory=dict)
    """Unused keys by reason; their tensors are zero."""
    fixed: list[str] = field(default_factory=list)


def require_published(network: str, keywords: Mapping[str, Any], known: Mapping[str, Collection[Any]]) -> None:
    """Raises a DataError if the published code cannot build a network with these keywords."""
    for name, values in known.items():
        if keywords[name] not in values:
            shown = " or ".join(str(value) for value in values if value is not None)
            if isinstance(values, range):
                shown = f"{values[0]} to {values[-1]}"
            raise DataError(
                f"{network} with {name} {keywords[name]}: the published code cannot load it, since "
                f"it has {name} {shown} only"
            )


def publish(weights: Mapping[str, Tensor], form: Form) -> Publication:
    """The network's weights under published keys."""
    ours = {theirs: mine for mine, theirs in form.keys.items()}
    if unknown := (set(weights) ^ set(form.keys)) | (set(ours) - set(form.layout)):
        raise ValueError(f"the key map and the network or the published layout differ in {sorted(unknown)[:3]}")
    done = Publication(OrderedDict())
    for key, shape in form.layout.items():
        if key in ours:
            tensor = in_published_form(weights[ours[key]].detach().to("cpu", torch.float32), key, form.transposed)
            if tensor.shape != shape:
                raise ValueError(f"{key} has shape {tuple(tensor.shape)}, published {shape}")
        elif key in FIXED:
            tensor = FIXED[key]
            done.fixed.append(key)
        else:
            reason = next(rule.reason for rule in form.unused if re.fullmatch(rule.pattern, key))
            tensor = torch.zeros(shape)
            done.zeros.setdefault(reason, []).append(key)
        done.tensors[key] = tensor.clone(memory_format=torch.contiguous_format)
    return done


def write_published(path: str | Path, publication: Publication, old_torch: bool = False) -> None:
    """A .pth file of plain tensors, whole or not at all; torch before 1.6 reads none but the older format."""
    content = io.BytesIO()
    torch.save(publication.tensors, content, _use_new_zipfile_serialization=not old_torch)
    write_bytes(path, content.getvalue())
