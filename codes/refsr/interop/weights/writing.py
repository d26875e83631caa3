"""Keeps imported weights as safetensors, with where they came from in the file's header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from refsr import __version__
from refsr.core.atomic import write_bytes
from refsr.interop.weights.conversion import Conversion
from refsr.interop.weights.reading import Published

FORMAT = "refsr-weights-1"


def write_imported(
    path: str | Path, network: str, options: Mapping[str, Any], source: Published, conversion: Conversion
) -> None:
    """The weights of a complete conversion at `path`, whole or not at all."""
    from safetensors.torch import save

    conversion.require_complete(source.name)
    header = provenance(network, options, source, conversion)
    write_bytes(path, save(conversion.weights, metadata=header))


def provenance(network: str, options: Mapping[str, Any], source: Published, conversion: Conversion) -> dict[str, str]:
    """The header: safetensors allows text only, so structures are JSON."""
    return {
        "format": FORMAT,
        "refsr": __version__,
        "network": network,
        "options": json.dumps(dict(options), sort_keys=True),
        "source": source.name,
        "source_sha256": source.digest,
        "dropped": json.dumps(conversion.dropped, sort_keys=True),
    }
