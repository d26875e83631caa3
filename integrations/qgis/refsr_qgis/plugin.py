"""The plugin: it adds the provider to Processing, and takes it away again."""

from __future__ import annotations

from qgis.core import QgsApplication

from .provider import RefsrProvider


class RefsrPlugin:
    """What QGIS calls when the plugin is enabled and disabled."""

    def __init__(self):
        self.provider = None

    def initProcessing(self):
        """Adds the provider; qgis_process calls this alone."""
        self.provider = RefsrProvider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self):
        self.initProcessing()

    def unload(self):
        QgsApplication.processingRegistry().removeProvider(self.provider)
