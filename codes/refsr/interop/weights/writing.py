"""Writes imported weights as a model file with their origin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refsr.interop.weights.conversion import Conversion
from refsr.interop.weights.packages import KNOWN
from refsr.interop.weights.reading import Published
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, write_model


def write_imported(
    path: str | Path, spec: NetworkSpec, model: str, source: Published, conversion: Conversion
) -> ModelCard:
    """Writes the weights of a complete conversion to `path` atomically and returns their card."""
    conversion.require_complete(source.name)
    origin: dict[str, Any] = {"imported_from": source.name, "sha256": source.digest, **KNOWN.get(source.digest, {})}
    origin["dropped"] = conversion.dropped
    if source.part is not None:
        origin["part"] = source.part
    card = ModelCard(spec, model, origin)
    write_model(path, conversion.weights, card)
    return card
