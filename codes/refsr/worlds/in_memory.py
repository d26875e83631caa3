"""One synthetic scene as arrays, without a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from refsr.core.errors import UsageError

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


@dataclass(frozen=True)
class SyntheticScene:
    """A scene's images and its ground truth; arrays (H, W[, C])."""

    hr: Array
    """The high-resolution image, uint8 or uint16."""
    lr: Array
    """`hr` at low resolution."""
    ref: Array
    """The reference: an older image of the same scene."""
    lr_up: Array
    """`lr` enlarged by the exact bicubic resizer."""
    ref_down: Array
    """`ref` reduced and enlarged again."""
    cover: Array
    """Land cover of each pixel of `hr`, classes 0 to 6."""
    mask: Array
    """Where the ground changed since `ref`: the class at the time of `hr`, or 0."""
    flow: Array
    """(H, W, 2): rows and columns to add to a pixel of `hr` to stand on the same surface point in `ref`."""
    flow_valid: Array
    """Where that point is in sight and did not change."""
    hsi: Array | None = None
    """The hyperspectral cube, with `bands`."""
    light: Array | None = None
    """Light and shadow on `hr`, with `light=True`."""
    clouds: Array | None = None
    """Opacity of clouds over `ref`, with `cloud_cover`."""
    foreign: Array | None = None
    """How far `ref` is another place's, with `hardness` and its parts."""
    record: dict[str, Any] = field(default_factory=dict, repr=False)
    """All that was drawn for the scene."""


def make(index: int = 0, *, like: str | None = None, **knobs: Any) -> SyntheticScene:
    """Scene number `index` of a synthetic world, as arrays: HR, LR, Ref and the ground truth.

    The knobs are those of `refsr world`, such as `size`, `scale`, `seed`, `misregistration` and `bands`; `like` names a
    preset, "rrssrd" or "kagglesrd". Equal arguments give equal arrays, and those of `refsr world` with equal knobs.

    >>> scene = refsr.worlds.make(size=64, scale=4, seed=3)
    >>> scene.hr.shape, scene.lr.shape, scene.ref.shape
    ((64, 64, 3), (16, 16, 3), (64, 64, 3))
    >>> refsr.metrics.psnr(scene.lr_up, scene.hr, protocol="rgb-uint8-border4", scale=4) > 15
    True
    """
    from refsr.worlds.knobs import knobs_like
    from refsr.worlds.scene_pair import make_scene_pair

    if not isinstance(index, int) or index < 0:
        raise UsageError(f"scene {index!r}: expected a number from 0 on")
    if knobs.get("layout") is not None:
        raise UsageError(f"layout {knobs['layout']}: layouts are of folders, which refsr world writes")
    chosen = knobs_like(like, knobs)
    if chosen.own_ref_grid:
        raise UsageError("grids of Ref are of files, which refsr world writes")
    pair = make_scene_pair(chosen, index)
    images, scale = pair.images, chosen.scale
    return SyntheticScene(
        hr=images["HR"],
        lr=images["LR"],
        ref=images["Ref"],
        lr_up=images[f"LR_UX{scale}"],
        ref_down=images[f"Ref_DUX{scale}"],
        cover=images["cover"],
        mask=images["mask"],
        flow=images["flow"],
        flow_valid=images["flow_valid"] > 0,
        hsi=images.get("hsi"),
        light=images.get("light"),
        clouds=images.get("Ref_cloud"),
        foreign=images.get("Ref_foreign"),
        record=pair.record,
    )
