"""The provider: refsr's algorithms in the Processing toolbox, and the setting that names the command."""

from __future__ import annotations

from processing.core.ProcessingConfig import ProcessingConfig, Setting
from qgis.core import QgsProcessingProvider

from .algorithms import Evidence, RegisterReference, SuperResolve
from .command import SETTING


class RefsrProvider(QgsProcessingProvider):
    """refsr in the Processing toolbox."""

    def id(self):
        return "refsr"

    def name(self):
        return "refsr"

    def longName(self):
        return "refsr: super-resolution with a reference"

    def load(self):
        what = "The refsr command, such as /home/me/refsr/bin/refsr (empty: the one in PATH)"
        ProcessingConfig.addSetting(Setting(self.name(), SETTING, what, "", valuetype=Setting.FILE))
        ProcessingConfig.readSettings()
        self.refreshAlgorithms()
        return True

    def unload(self):
        ProcessingConfig.removeSetting(SETTING)

    def loadAlgorithms(self):
        for algorithm in (SuperResolve, RegisterReference, Evidence):
            self.addAlgorithm(algorithm())
