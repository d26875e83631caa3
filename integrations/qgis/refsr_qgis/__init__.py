"""QGIS plugin: algorithms of the Processing toolbox that run the refsr command."""

from __future__ import annotations


def classFactory(iface):
    """The plugin, which QGIS makes when it is enabled."""
    from .plugin import RefsrPlugin

    return RefsrPlugin()
