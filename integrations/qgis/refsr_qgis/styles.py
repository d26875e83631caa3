"""How results are shown when they are loaded."""

from __future__ import annotations

from qgis.core import (
    QgsColorRampShader,
    QgsProcessingLayerPostProcessorInterface,
    QgsProject,
    QgsRasterShader,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtGui import QColor

BORROWED = (
    (0.0, "#00000000", "none"),
    (0.25, "#fde725", "a quarter"),
    (0.5, "#35b779", "half"),
    (1.0, "#440154", "all"),
)
"""Colours of the first band of evidence: the share of the added detail that the reference brought."""


KEPT: list[QgsProcessingLayerPostProcessorInterface] = []
"""The last styles: QGIS refers to them but does not own them, and an algorithm is gone when its results are loaded."""
AT_MOST = 100


def kept(style: QgsProcessingLayerPostProcessorInterface) -> QgsProcessingLayerPostProcessorInterface:
    """The style, which stays until many others came after it."""
    KEPT.append(style)
    del KEPT[:-AT_MOST]
    return style


class AsLayer(QgsProcessingLayerPostProcessorInterface):
    """Shows a result with the bands and the stretch of the layer that it was made of."""

    def __init__(self, layer_id: str) -> None:
        super().__init__()
        self._layer_id = layer_id

    def postProcessLayer(self, layer, context, feedback):
        source = QgsProject.instance().mapLayer(self._layer_id)
        if source is not None and source.bandCount() == layer.bandCount():
            layer.setRenderer(source.renderer().clone())
            layer.triggerRepaint()


class AsEvidence(QgsProcessingLayerPostProcessorInterface):
    """Shows what was borrowed, transparent where that is nothing."""

    def postProcessLayer(self, layer, context, feedback):
        ramp = QgsColorRampShader(0, 1)
        ramp.setColorRampType(QgsColorRampShader.Interpolated)
        ramp.setColorRampItemList(
            [QgsColorRampShader.ColorRampItem(value, QColor(colour), label) for value, colour, label in BORROWED]
        )
        shader = QgsRasterShader()
        shader.setRasterShaderFunction(ramp)
        layer.setRenderer(QgsSingleBandPseudoColorRenderer(layer.dataProvider(), 1, shader))
        layer.triggerRepaint()
