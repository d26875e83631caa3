"""What a registration found: where each HR pixel lies in Ref, how much that can be trusted, and Ref seen through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from refsr.core.errors import DataError
from refsr.core.window import Window
from refsr.registration.transforms import Floats, Transform, points, slopes
from refsr.registration.warping import Image, sampled


@dataclass(frozen=True)
class Verdict:
    """Whether Ref can be used, and why not."""

    accepted: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figures:
    """What a registration comes to, in numbers; lengths in HR pixels."""

    shift: float
    """By how much the middle moves."""
    turn: float
    """Degrees."""
    scale: float
    """Size of one of Ref's pixels as assumed, over what it was found to be."""
    residual: float
    """Median length of the local displacement that the transform leaves."""
    likeness: float
    """Correlation of LR's and Ref's oriented gradients, -1 to 1, under the transform."""
    likeness_local: float
    """The same under transform and field."""
    likeness_before: float
    """The same where Ref was assumed."""
    lead: float
    """By how much the correlation under the transform exceeds that at any other shift."""
    sides: float
    """Correlation of gradients with their signs, without its own sign."""
    coverage: float
    """Share of LR's ground that Ref covers."""
    matched: float
    """Share of LR's ground with a weight above one half."""

    @property
    def evidence(self) -> float:
        """What the verdict rests on."""
        return self.likeness + self.lead + self.sides


@dataclass(frozen=True)
class Registration:
    """Ref laid on HR's pixels."""

    size: tuple[int, int]
    """Of HR: height, width."""
    ref_size: tuple[int, int]
    transform: Transform
    """(2, 3): where an HR pixel (x, y, 1) lies in Ref, in its pixels."""
    field: Floats | None
    """(rows, columns, 2): right and down in HR pixels, added to an HR pixel before `transform`.

    The nodes are spread evenly over HR, and the field is linear between them."""
    weight: Floats
    """(H, W): how much Ref can be trusted at each pixel, 0 to 1; 0 everywhere for a Ref that was refused."""
    verdict: Verdict
    figures: Figures
    found_by: str

    @property
    def accepted(self) -> bool:
        return self.verdict.accepted

    def warp(self, image: Image, window: Window | None = None, mirrored: bool = True) -> tuple[Image, Floats]:
        """An image on Ref's pixels (H', W'[, C]) -> it on HR's (H, W[, C]), and the share covered of each (H, W).

        One interpolation, after a low-pass where Ref is finer; outside, the image is mirrored, or 0. With `window`,
        that part of HR only, equal to that part of the whole.
        """
        if image.shape[:2] != self.ref_size:
            raise DataError(f"registered was a Ref of {self.ref_size} pixels, not {image.shape[:2]}")
        whole = window or Window(0, 0, *self.size)
        bands = image[:, :, None] if image.ndim == 2 else image
        ratio = max(slopes(self.transform))
        found, covered = sampled(bands, self.coordinates, whole, ratio, mirrored)
        return (found[:, :, 0] if image.ndim == 2 else found), covered

    def coordinates(self, window: Window) -> tuple[Floats, Floats]:
        """Under a window of HR, Ref's pixels (x, y) of each, (height, width) twice."""
        x = np.arange(window.left, window.right, dtype=np.float64)[None]
        y = np.arange(window.top, window.bottom, dtype=np.float64)[:, None]
        moved = self.displacement(window)
        found: tuple[Any, Any] = points(self.transform, x + moved[:, :, 0], y + moved[:, :, 1])
        return found

    def displacement(self, window: Window) -> Floats:
        """The field under a window of HR, (height, width, 2)."""
        if self.field is None:
            return np.zeros((window.height, window.width, 2), np.float32)
        return field_under(self.field, window, self.size)

    def sentence(self) -> str:
        """One line for a log."""
        found = self.figures
        if not self.accepted:
            return f"Ref is not used: {'; '.join(self.verdict.reasons)}"
        return (
            f"Ref was shifted by {found.shift:.1f} px, turned by {found.turn:.1f} degrees, scaled by {found.scale:.3f};"
            f" local displacement {found.residual:.1f} px (median); likeness {found.likeness:.2f};"
            f" {100 * (1 - found.matched):.0f} % of the ground without a match"
        )


def field_under(field: Floats, window: Window, size: tuple[int, int]) -> Floats:
    """(rows, columns, C) nodes spread evenly over an image of `size` -> linear between them under a window."""
    import cv2

    rows, columns = field.shape[:2]
    x = (window.left + 0.5 + np.arange(window.width)) * columns / size[1] - 0.5
    y = (window.top + 0.5 + np.arange(window.height)) * rows / size[0] - 0.5
    x, y = (np.clip(line, 0, count - 1).astype(np.float32) for line, count in ((x, columns), (y, rows)))
    shape = (window.height, window.width)
    found: Floats = cv2.remap(
        field.astype(np.float32),
        np.ascontiguousarray(np.broadcast_to(x[None], shape)),
        np.ascontiguousarray(np.broadcast_to(y[:, None], shape)),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return found.reshape(*shape, -1)
