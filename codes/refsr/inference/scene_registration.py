"""A scene's reference registered to LR: by tie points around its georeference, or by image where it lies nowhere."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt

from refsr.core.progress import Announce, ProgressFactory, no_progress
from refsr.core.window import Window
from refsr.data.registered.on_lr import on_lr, on_lr_line
from refsr.geo.geotransform import Geotransform
from refsr.geo.grid import Grid
from refsr.geo.projection import pixel_ratios
from refsr.geo.raster_source import RasterSource
from refsr.geo.validity import Mask
from refsr.geo.value_range import ValueRange
from refsr.geo.warped import PixelSource, WarpedRaster
from refsr.inference.inputs import RestoreOptions
from refsr.inference.registered import registration_line
from refsr.registration import Registration, RegistrationOptions, SceneRegistration, register, register_scene
from refsr.registration.options import Mode
from refsr.registration.pair import SMALLEST
from refsr.registration.scenes import MOST_TILES
from refsr.registration.tie_points import tiles
from refsr.registration.transforms import Floats, Transform, after, inverse, pixels, points

WHOLE = 256
"""LR pixels along the sides of scenes that are registered in one piece; larger ones by tie points."""
SEARCHED = 1024
"""LR pixels along the longer side of what is searched where nothing says how Ref lies; larger scenes are reduced."""
BAND = 256
"""Rows that are read at once."""
FINER_THAN_LR = 0.999
"""Ref's pixels along the side of one of LR's, below which it is not compared."""
REACH = 40.0
"""Pixels of the fine grid by which a georeference may be wrong."""


@dataclass(frozen=True)
class RegisteredRaster:
    """Where a reference lies on the fine grid, and how far it counts there."""

    displacement: Floats | None
    """(rows, columns, 2): see `WarpedRaster`; None where Ref stays as it is."""
    weight: Floats | None
    """(rows, columns), 0 to 1, its nodes spread evenly over the fine grid; None where it counts everywhere."""
    grid: Grid
    """Ref's own: as its file has it, or as it was found."""
    accepted: bool
    line: str
    """For a log."""
    found: Registration | SceneRegistration | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    """What it comes to in numbers; none where nothing was compared."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that the result depends on."""
        running = hashlib.sha256(repr((self.grid, self.accepted)).encode())
        for plane in (self.displacement, self.weight):
            if plane is not None:
                running.update(repr(plane.shape).encode() + np.ascontiguousarray(plane).tobytes())
        return running.hexdigest()


@dataclass(frozen=True)
class ScenePair:
    """LR and one reference, opened, with the raw values that become 0 and 1."""

    lr: RasterSource
    lr_range: ValueRange
    ref: RasterSource
    ref_range: ValueRange
    grid: Grid
    """The fine one: LR's, finer by `scale`."""
    scale: int

    def read_lr(self, window: Window) -> tuple[Floats, Mask]:
        """LR in [0, 1] under a window of it, and where it holds data."""
        raw, valid = self.lr.read(window)
        return self.lr_range.unit(raw), valid

    def read_ref(self, window: Window) -> tuple[Floats, Mask]:
        """Ref in [0, 1] under a window of the fine grid."""
        raw, valid = WarpedRaster(self.ref, self.grid).read(window)
        return self.ref_range.unit(raw), valid


def registration_mode(options: RestoreOptions) -> Mode:
    """How references are registered: as the options say; those that are paired as they are stay so unless asked."""
    return options.register or ("none" if options.raster.ref_grid == "as-is" else "auto")


def register_reference(
    pair: ScenePair,
    nowhere: bool,
    options: RestoreOptions,
    announce: Announce,
    progress: ProgressFactory = no_progress,
) -> RegisteredRaster:
    """The reference registered to LR, which gives it its grid; `nowhere` is one of which nothing says where it lies."""
    mode = RegistrationOptions(mode=registration_mode(options)).mode
    assert nowhere or pair.ref.grid is not None
    if mode == "none":
        return RegisteredRaster(None, None, pair.ref.grid or pair.grid, True, "")
    made = (register_by_image if nowhere else register_georeferenced)(pair, mode, progress)
    announce(f"{pair.ref.name}: {made.line}")
    pair.ref.grid = made.grid
    return replace(made, figures=registration_figures(made.found))


def registration_figures(found: Registration | SceneRegistration | None) -> dict[str, float]:
    """What a registration comes to; lengths in pixels of the fine grid."""
    if found is None:
        return {}
    if isinstance(found, Registration):
        return {name: float(value) for name, value in asdict(found.figures).items()}
    return {
        "shift": found.shift, "residual": found.residual, "matched": 1 - found.unmatched,
        "tie_points": float(len(found.tie_points)), "tie_points_kept": float(found.kept.sum()),
    }  # fmt: skip


def register_georeferenced(pair: ScenePair, mode: Mode, progress: ProgressFactory = no_progress) -> RegisteredRaster:
    """A reference whose grid says where it lies, up to REACH pixels beside the truth."""
    lr = pair.lr
    size = (pair.grid.height, pair.grid.width)
    assert pair.ref.grid is not None
    if min(lr.height, lr.width) < SMALLEST:
        line = f"Ref is taken as it lies: LR of {lr.height}x{lr.width} is too small to compare"
        return RegisteredRaster(None, None, pair.ref.grid, True, line)
    if np.prod(pixel_ratios(pair.grid, pair.ref.grid)) ** 0.5 * pair.scale < FINER_THAN_LR:
        line = "Ref is taken as it lies: its pixels are larger than LR's, which it cannot make sharper"
        return RegisteredRaster(None, None, pair.ref.grid, True, line)
    if max(lr.height, lr.width) <= WHOLE:
        return _in_one_piece(pair, mode)
    with progress("registering", len(list(tiles(size, pair.scale, MOST_TILES)))) as bar:
        scene = register_scene(
            pair.read_lr, pair.read_ref, size, pair.scale, REACH, lambda _done, _total: bar.advance()
        )
    field = _affine_nodes(scene) if mode == "global" else scene.displacement
    refused = f"Ref is refused: {'; '.join(scene.verdict.reasons)}; restored without a reference"
    line = scene.sentence() if scene.accepted else refused
    return _settled(scene, field if scene.accepted else None, scene.weight, scene.accepted, line, pair, mode)


def _in_one_piece(pair: ScenePair, mode: Mode) -> RegisteredRaster:
    """The same for a scene that is held in memory; only the ground that Ref covers is compared."""
    lr, scale = pair.lr, pair.scale
    assert pair.ref.grid is not None
    other, known = _whole(pair.read_ref, pair.grid.height, pair.grid.width)
    common = _around(known).surrounded(scale, 0, pair.grid.height, pair.grid.width).reduced(scale)
    if min(common.height, common.width) < SMALLEST:
        line = f"Ref is taken as it lies: it covers {common.height}x{common.width} pixels of LR, too few to compare"
        return RegisteredRaster(None, None, pair.ref.grid, True, line)
    options = replace(RegistrationOptions.georeferenced(reach=REACH), mode=mode)
    rows, columns = common.times(scale).within(pair.grid.window)
    found = register(_held(*pair.read_lr(common)), _held(other[rows, columns], known[rows, columns]), scale, options)
    around = (common.top, lr.height - common.bottom), (common.left, lr.width - common.right)
    weight = np.pad(_reduced(found.weight, scale), around)
    field = _at_nodes(found, (common.height, common.width)) if found.accepted else None
    if field is not None:
        field = np.pad(field, (*around, (0, 0)), mode="edge")
    return _settled(found, field, weight, found.accepted, registration_line(found), pair, mode)


def _around(known: Mask) -> Window:
    """The smallest window that holds all that is known."""
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    if not len(rows):
        return Window(0, 0, 0, 0)
    return Window(int(rows[0]), int(columns[0]), int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1)


def register_by_image(pair: ScenePair, mode: Mode, progress: ProgressFactory = no_progress) -> RegisteredRaster:
    """A reference of which nothing says where it lies: an affine transform of the whole first, then tie points."""
    factor = -(-max(pair.lr.height, pair.lr.width) // SEARCHED)
    # A Ref much finer than HR is looked at in larger pixels: only what LR shows too is compared.
    coarser = factor * -(-max(pair.ref.height, pair.ref.width) // (2 * factor * pair.scale * SEARCHED))
    own = _reduced_whole(pair.lr, pair.lr_range, factor)
    other = _reduced_whole(pair.ref, pair.ref_range, coarser)
    options = RegistrationOptions(mode="global" if factor > 1 and mode != "none" else mode)
    found = register(own, other, pair.scale, options)
    if not found.accepted:
        nothing = np.zeros((1, 1), np.float32)
        return RegisteredRaster(None, nothing, pair.grid, False, registration_line(found), found)
    transform = after(pixels(coarser, coarser), after(found.transform, inverse(pixels(factor, factor))))
    grid = grid_under(pair.grid, transform, pair.ref.height, pair.ref.width)
    if factor > 1:
        pair.ref.grid = grid
        finer = register_georeferenced(pair, mode, progress)
        return replace(finer, line=f"{registration_line(found)}. Then: {finer.line}")
    weight = _reduced(found.weight, pair.scale)
    line = registration_line(found)
    same = (pair.ref.height, pair.ref.width) == (pair.grid.height, pair.grid.width)
    if mode == "auto" and same:
        apart = _at_nodes(found, weight.shape)
        if on_lr(apart, pair.scale):
            return RegisteredRaster(None, None, pair.grid, True, on_lr_line(apart), found)
    return RegisteredRaster(found.field, weight, grid, True, line, found)


def grid_under(fine: Grid, transform: Transform, height: int, width: int) -> Grid:
    """The grid of a raster (height, width) that the transform lays on a fine grid: pixel centres to pixel centres."""
    # Grids count from the corners of pixels, the transform from their centres.
    back = inverse(transform)
    turned = back[:, :2]
    shift = back[:, 2] + 0.5 - turned @ np.array([0.5, 0.5])
    a, b, c, d, e, f = fine.geotransform.transform
    outer = np.array([[a, b], [d, e]])
    (a, b), (d, e) = (outer @ turned).tolist()
    c, f = (outer @ shift + np.array([c, f])).tolist()
    return Grid(Geotransform(fine.geotransform.crs, (a, b, c, d, e, f)), height, width)


def _settled(
    found: Registration | SceneRegistration,
    field: Floats | None,
    weight: Floats,
    accepted: bool,
    line: str,
    pair: ScenePair,
    mode: Mode,
) -> RegisteredRaster:
    assert pair.ref.grid is not None
    if not accepted:
        return RegisteredRaster(None, np.zeros((1, 1), np.float32), pair.ref.grid, False, line, found)
    if mode == "auto" and field is not None:
        known = field[weight > 0.5] if field.shape[:2] == weight.shape and (weight > 0.5).any() else field
        if on_lr(known, pair.scale):
            return RegisteredRaster(None, None, pair.ref.grid, True, on_lr_line(known), found)
    return RegisteredRaster(field, weight, pair.ref.grid, True, line, found)


def _whole(read: object, height: int, width: int) -> tuple[Floats, Mask]:
    parts = [
        read(Window(top, 0, min(BAND, height - top), width))  # type: ignore[operator]
        for top in range(0, height, BAND)
    ]
    image, valid = (np.concatenate(members) for members in zip(*parts, strict=True))
    return image, valid


def _held(image: Floats, valid: Mask) -> Floats:
    """NaN where there is no data."""
    return np.where(valid[:, :, None], image, np.float32(np.nan)).astype(np.float32)


def _reduced_whole(source: PixelSource, span: ValueRange, factor: int) -> npt.NDArray[np.float32]:
    """The mean over bands of a whole raster in [0, 1], by means of squares of `factor` pixels; NaN without data."""
    rows = max(1, BAND // factor) * factor
    parts = []
    for top in range(0, source.height, rows):
        raw, valid = source.read(Window(top, 0, min(rows, source.height - top), source.width))
        grey = span.unit(raw).mean(axis=2)
        sums, counts = (_sums(plane, factor) for plane in (np.where(valid, grey, 0), valid.astype(np.float32)))
        with np.errstate(invalid="ignore", divide="ignore"):
            parts.append(np.where(counts > 0, sums / counts, np.nan).astype(np.float32))
    return np.concatenate(parts)


def _sums(plane: Floats, factor: int) -> Floats:
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % factor), (0, -width % factor)))
    found: Floats = padded.reshape(-(-height // factor), factor, -(-width // factor), factor).sum((1, 3))
    return found


def _reduced(weight: Floats, scale: int) -> Floats:
    """(H, W) -> means over LR's pixels."""
    return np.asarray(_sums(weight, scale) / scale**2, np.float32)


def _at_nodes(found: Registration, shape: tuple[int, int]) -> Floats:
    """The displacement (rows, columns, 2) at nodes spread evenly over the fine grid."""
    import cv2

    x, y = _nodes(found.size, shape)
    moved: Floats = np.zeros((*shape, 2), np.float32)
    if found.field is not None:
        moved = cv2.resize(found.field, shape[::-1], interpolation=cv2.INTER_LINEAR)
    to_x, to_y = points(found.transform, x + moved[:, :, 0], y + moved[:, :, 1])
    return np.stack([to_x - x, to_y - y], axis=2).astype(np.float32)


def _affine_nodes(scene: SceneRegistration) -> Floats:
    """The displacement by the affine map alone."""
    x, y = _nodes(scene.size, scene.displacement.shape[:2])
    to_x, to_y = points(scene.model, x, y)
    return np.stack([to_x - x, to_y - y], axis=2).astype(np.float32)


def _nodes(size: tuple[int, int], shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """x and y (rows, columns) of nodes spread evenly over an image."""
    x = (np.arange(shape[1]) + 0.5) * size[1] / shape[1] - 0.5
    y = (np.arange(shape[0]) + 0.5) * size[0] / shape[0] - 0.5
    return np.broadcast_to(x[None], shape[:2]), np.broadcast_to(y[:, None], shape[:2])
