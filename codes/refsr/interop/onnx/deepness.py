"""Metadata by which the QGIS plugin deepness loads a network that takes one raster.

After the plugin's documentation for model creators, of version 0.6.3, and the keys that its loader reads: one input
(1, C, N, N) of 8-bit bands divided by 255, one output, N fixed in the graph, and values as JSON. It has no key for the
scale, which its user sets.
"""

from __future__ import annotations

import json

from refsr.networks.descriptor import Descriptor


def deepness_entries(descriptor: Descriptor, side: int | None) -> dict[str, str]:
    """The plugin's keys; none for a network or a graph that it cannot load.

    Its super-resolution sets tiles side by side, so the overlap is 0. The resolution of the ground is left to the
    plugin's user: networks are trained for none in particular.
    """
    if side is None or descriptor.inputs != ("lr",):
        return {}
    # The documentation lists tiles_size, the plugin reads tile_size.
    entries = {"model_type": "Superresolution", "tile_size": side, "tiles_size": side, "tiles_overlap": 0}
    return {key: json.dumps(value) for key, value in entries.items()}
