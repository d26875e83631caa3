"""Named protocols: colour space, rounding, border and matching under which a metric is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from refsr.core.errors import DataError, UsageError, suggestion
from refsr.metrics.colour import luma, match_statistics
from refsr.metrics.fidelity import psnr, ssim
from refsr.metrics.quantise import Rounding, to_levels

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Protocol:
    """How an image and its target, both (H, W, C) in [0, 1], become a metric's input."""

    name: str
    about: str
    colour: Literal["all", "luma"] = "all"
    border: int | Literal["scale"] = 4
    """Pixels cut from every side; `scale` cuts as many as the scale."""
    rounding: Rounding = "even"
    matched: bool = False
    """The image is first matched to the target's mean and standard deviation, band by band."""

    def compared(self, image: Array, target: Array, scale: int) -> tuple[Array, Array]:
        """Image and target in [0, 255], as a metric takes them."""
        if image.shape != target.shape:
            raise DataError(f"the image has shape {image.shape}, its target {target.shape}")
        pair = [
            to_levels(image, self.rounding),
            to_levels(target, "even" if self.rounding == "truncate" else self.rounding),
        ]
        if self.matched:
            pair[0] = match_statistics(pair[0], pair[1])
        if self.colour == "luma":
            pair = [luma(values) for values in pair]
        return self.inside(pair[0], scale), self.inside(pair[1], scale)

    def inside(self, plane: Array, scale: int) -> Array:
        """(H, W[, C]) without the border."""
        border = scale if self.border == "scale" else self.border
        if min(plane.shape[:2]) <= 2 * border:
            raise DataError(
                f"protocol {self.name} cuts {border} pixels from each side of {plane.shape[:2]}: nothing is left"
            )
        kept = slice(border, -border or None)
        inner: Array = plane[kept, kept]
        return inner


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("rgb-uint8-border4", "all bands, rounded to 8 bits, 4 pixels cut: RRSGAN's and RGTGAN's evaluation"),
        Protocol(
            "rgb-uint8-border-scale",
            "all bands, rounded, as many pixels cut as the factor: TSFNet's test script and its validation",
            border="scale",
        ),
        Protocol("rgb-uint8-border0", "all bands, rounded, nothing cut: SpecGAN's test", border=0),
        Protocol("y-uint8-border4", "luma of the rounded image, 4 pixels cut", colour="luma"),
        Protocol(
            "y-uint8-border-scale",
            "luma of the rounded image, the factor cut: TSFNet's validation with its luma option",
            colour="luma",
            border="scale",
        ),
        Protocol("rgb-float-border4", "all bands, not rounded, 4 pixels cut", rounding="none"),
        Protocol(
            "y-matched-border4",
            "luma after matching mean and deviation to the target: RGTGAN's metrics script; compares with nothing else",
            colour="luma",
            matched=True,
        ),
        Protocol(
            "rgb-matched-border4",
            "all bands after matching mean and deviation to the target; compares with nothing else",
            matched=True,
        ),
    )
}
DEFAULT_PROTOCOL = "rgb-uint8-border4"


def protocol(name: str) -> Protocol:
    """The protocol of this name."""
    if name not in PROTOCOLS:
        raise UsageError(f"protocol {name!r} is not known{suggestion(name, PROTOCOLS)} (known: {', '.join(PROTOCOLS)})")
    return PROTOCOLS[name]


def measure(image: Array, target: Array, scale: int, name: str = DEFAULT_PROTOCOL) -> dict[str, float]:
    """PSNR and SSIM of (H, W, C) in [0, 1] against its target under the named protocol."""
    a, b = protocol(name).compared(np.asarray(image), np.asarray(target), scale)
    return {"psnr": psnr(a, b), "ssim": ssim(a, b)}
