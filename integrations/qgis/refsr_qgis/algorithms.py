"""The algorithms: each turns its parameters into words of the refsr command and runs it."""

from __future__ import annotations

import shlex

from processing.core.ProcessingConfig import ProcessingConfig
from qgis.core import (
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
)

from .command import SETTING, CommandError, find_command, run_command
from .styles import AsEvidence, AsLayer, kept

REGISTER = ("auto", "global", "local", "none")
CONSISTENT = ("as the model says", "off", "soft", "hard")


class RefsrAlgorithm(QgsProcessingAlgorithm):
    """What the algorithms have in common."""

    NAME, TITLE, HELP = "", "", ""

    def name(self):
        return self.NAME

    def displayName(self):
        return self.TITLE

    def shortHelpString(self):
        return self.HELP

    def createInstance(self):
        return type(self)()

    def canExecute(self):
        try:
            self._command()
        except CommandError as error:
            return False, str(error)
        return True, ""

    def run_refsr(self, words, feedback):
        """Runs the command with its lines in the log."""
        try:
            words = [self._command(), *words]
            feedback.pushCommandInfo(" ".join(words))
            run_command(words, feedback.pushConsoleInfo, feedback.setProgress, feedback.isCanceled)
        except CommandError as error:
            raise QgsProcessingException(str(error)) from error

    def show(self, target, style, context):
        """Has a result styled when it is loaded."""
        if context.willLoadLayerOnCompletion(target):
            context.layerToLoadOnCompletionDetails(target).setPostProcessor(kept(style))

    def add_lr(self):
        self.addParameter(QgsProcessingParameterRasterLayer("LR", "Low-resolution raster (LR)"))

    def add_advanced(self, parameter):
        parameter.setFlags(parameter.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        self.addParameter(parameter)

    @staticmethod
    def _command():
        return find_command(str(ProcessingConfig.getSetting(SETTING) or ""))


def file_of(layer):
    """The name under which GDAL opens a raster layer."""
    if layer.providerType() != "gdal":
        raise QgsProcessingException(
            f"{layer.name()} is a layer of {layer.providerType()}; refsr reads rasters that GDAL opens. Save it as a "
            "GeoTIFF first (Export, Save As)."
        )
    return layer.source()


class SuperResolve(RefsrAlgorithm):
    """refsr restore."""

    NAME, TITLE = "superresolve", "Super-resolve with reference"
    HELP = (
        "Makes LR sharp with the help of sharper, older rasters of the same place. They may lie on other grids; each "
        "is registered to LR first, and refused where it shows other ground. Without a reference the model uses LR "
        "alone.\n\nModel: the name of bundled weights (refsr-x4, refsr-x4-fast) or a model file. Strength of the "
        "reference: 0 uses LR alone, 1 is as learnt. Evidence: an optional raster that says what the reference brought."
    )

    def initAlgorithm(self, configuration=None):
        self.add_lr()
        self.addParameter(
            QgsProcessingParameterMultipleLayers(
                "REF", "References, the preferred first", QgsProcessing.TypeRaster, optional=True
            )
        )
        self.addParameter(QgsProcessingParameterString("MODEL", "Model: a name or a file", "refsr-x4"))
        self.addParameter(QgsProcessingParameterEnum("REGISTER", "Registration", REGISTER, defaultValue=0))
        number = QgsProcessingParameterNumber.Double
        self.add_advanced(
            QgsProcessingParameterNumber("STRENGTH", "Strength of the reference", number, 1.0, False, 0.0, 1.0)
        )
        self.add_advanced(QgsProcessingParameterEnum("CONSISTENT", "Held to LR", CONSISTENT, defaultValue=0))
        self.add_advanced(QgsProcessingParameterString("WORDS", "Further words of refsr restore", "", optional=True))
        self.add_outputs()

    def add_outputs(self):
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Super-resolved raster"))
        self.addParameter(
            QgsProcessingParameterRasterDestination("EVIDENCE", "Evidence", None, optional=True, createByDefault=False)
        )

    def processAlgorithm(self, parameters, context, feedback):
        lr = self.parameterAsRasterLayer(parameters, "LR", context)
        references = self.parameterAsLayerList(parameters, "REF", context)
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        evidence = self.parameterAsOutputLayer(parameters, "EVIDENCE", context)
        consistent = self.parameterAsEnum(parameters, "CONSISTENT", context)
        words = ["restore", "--lr", file_of(lr), "-o", output, "--overwrite"]
        words += ["--model", self.parameterAsString(parameters, "MODEL", context)]
        for reference in references:
            words += ["--ref", file_of(reference)]
        if references:
            strength = self.parameterAsDouble(parameters, "STRENGTH", context)
            words += ["--register", REGISTER[self.parameterAsEnum(parameters, "REGISTER", context)]]
            words += ["--ref-strength", f"{strength:g}"] if strength < 1 else []
        words += ["--consistent", CONSISTENT[consistent]] if consistent else []
        words += ["--evidence", evidence] if evidence else []
        words += shlex.split(self.parameterAsString(parameters, "WORDS", context))
        self.run_refsr(words, feedback)
        self.show(output, AsLayer(lr.id()), context)
        if evidence:
            self.show(evidence, AsEvidence(), context)
        return {"OUTPUT": output, **({"EVIDENCE": evidence} if evidence else {})}


class Evidence(SuperResolve):
    """refsr restore --evidence, of which the evidence is what is wanted."""

    NAME, TITLE = "evidence", "Evidence of a super-resolved raster"
    HELP = (
        "Says what a super-resolved raster rests on. Bands: borrowed, the share of the added detail that the reference "
        "brought; coverage, where the reference counted; change, the estimated probability that the ground changed; "
        "and of calibrated models uncertainty, half the width of the 90 % interval in LR's units. The raster itself is "
        "restored for this, and kept where it is given a name."
    )

    def add_outputs(self):
        self.addParameter(QgsProcessingParameterRasterDestination("EVIDENCE", "Evidence"))
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Super-resolved raster"))


class RegisterReference(RefsrAlgorithm):
    """refsr register."""

    NAME, TITLE = "register", "Register reference"
    HELP = (
        "Lays a sharper raster on LR's ground: the result has the reference's values on a grid as many times finer "
        "than LR's as the reference is. A reference that shows other ground is refused. Report: a page with pictures "
        "before and after. Tie points: GeoJSON."
    )

    def initAlgorithm(self, configuration=None):
        self.add_lr()
        self.addParameter(QgsProcessingParameterRasterLayer("REF", "Reference"))
        self.addParameter(QgsProcessingParameterEnum("MODE", "Mode", REGISTER, defaultValue=0))
        self.addParameter(QgsProcessingParameterRasterDestination("OUTPUT", "Registered reference"))
        for name, title, kinds in (
            ("REPORT", "Report", "HTML files (*.html)"),
            ("POINTS", "Tie points", "GeoJSON files (*.geojson)"),
        ):
            self.addParameter(
                QgsProcessingParameterFileDestination(name, title, kinds, None, optional=True, createByDefault=False)
            )

    def processAlgorithm(self, parameters, context, feedback):
        ref = self.parameterAsRasterLayer(parameters, "REF", context)
        output = self.parameterAsOutputLayer(parameters, "OUTPUT", context)
        words = ["register", "--lr", file_of(self.parameterAsRasterLayer(parameters, "LR", context))]
        words += ["--ref", file_of(ref), "-o", output, "--overwrite"]
        words += ["--mode", REGISTER[self.parameterAsEnum(parameters, "MODE", context)]]
        results = {"OUTPUT": output}
        for name, option in (("REPORT", "--report"), ("POINTS", "--points")):
            file = self.parameterAsFileOutput(parameters, name, context)
            if file:
                words += [option, file]
                results[name] = file
        self.run_refsr(words, feedback)
        self.show(output, AsLayer(ref.id()), context)
        return results
