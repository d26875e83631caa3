"""What becomes of one pair: HR and Ref cut to the scale, LR by the degradation, LR_UX and Ref_DUX by resizing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refsr.core.errors import DataError
from refsr.core.seeding import numpy_generator
from refsr.data.degradation.levels import Image, levels_of, normalised, quantised
from refsr.data.degradation.presets import preset
from refsr.data.degradation.record import from_record
from refsr.data.degradation.record import to_record as steps_to_record
from refsr.data.degradation.steps import Step, apply_steps
from refsr.data.hardening.hardness import hardness
from refsr.data.images import IMAGE_SUFFIXES, ImageInfo, encode, probe_image, read_image, write_image
from refsr.data.prepare.fit_side import fitted_to_side
from refsr.data.prepare.sources import SourcePair
from refsr.data.ranges import declared
from refsr.data.registered.registered_ref import registered_ref, registration_version
from refsr.data.sets.self_references import made_reference
from refsr.geo.raster import has_rasterio
from refsr.ops.resize import imresize
from refsr.registration.options import Mode

SCALES = (2, 3, 4, 8, 16, 32)
LR_UP_FROM = ("clean", "file", "none")


@dataclass(frozen=True)
class PrepareSettings:
    """All that decides what the derived images hold.

    `lr_up_from` says whether LR_UX is upsampled from the LR before it is rounded and compressed (`clean`, as in the
    published sets), from what the LR file gives back, or not made (`none`). `jpeg` is the quality at which LR, LR_UX
    and Ref_DUX are compressed, None for lossless; HR and Ref are always lossless. `suffix` None takes .png where that
    can hold the image, else .tif or .npy. `register` says how references are laid on LR, `none` makes no registered
    ones; `range` are the raw values that become 0 and 1 for it, which 16 bits need. `self_reference` makes Ref from HR,
    of that hardness; 16 bits need `range` for it, too.
    """

    scale: int
    degradation: str = "bicubic"
    seed: int = 0
    lr_up_from: str = "clean"
    jpeg: int | None = None
    suffix: str | None = None
    register: Mode = "none"
    range: tuple[float, float] | None = None
    self_reference: float | None = None


def prepare_pair(pair: SourcePair, target: Path, settings: PrepareSettings) -> dict[str, Any]:
    """Writes the derived images of one pair and returns what the manifest keeps of it."""
    if pair.lr is not None:
        return _register_pair(pair, pair.lr, target, settings)
    hr = _cut(pair.hr, settings.scale, pair.side)
    steps = _drawn(pair.key, hr, settings)
    names = file_names(pair, hr, settings)
    clean = apply_steps(hr, steps)
    files = {"HR": hr, "LR": quantised(clean, levels_of(hr))}
    if settings.lr_up_from == "file":
        clean = normalised(_as_read(files["LR"], settings))
    if settings.lr_up_from != "none":
        files[f"LR_UX{settings.scale}"] = _upsampled(clean, hr, settings.scale)
    refs = _refs(pair, hr, settings)
    if refs:
        ref = refs[0]
        small = imresize(normalised(ref), size=(hr.shape[0] // settings.scale, hr.shape[1] // settings.scale))
        files["Ref"] = ref
        files[f"Ref_DUX{settings.scale}"] = _upsampled(small, ref, settings.scale)
    laid, records = _registered(pair, _as_read(files["LR"], settings), refs, settings)
    files |= laid
    for folder, image in files.items():
        write_image(target / names[folder], image, settings.jpeg)
    entry: dict[str, Any] = {
        "source": source_digests(pair),
        "files": {name: digest(target / name) for name in names.values()},
        "steps": steps_to_record(steps),
        **records,
    }
    was = probe_image(pair.hr)
    if pair.side is not None and (was.height, was.width) != (pair.side, pair.side):
        entry["adjusted_from"] = [was.height, was.width]
    return entry


def _register_pair(pair: SourcePair, lr: Path, target: Path, settings: PrepareSettings) -> dict[str, Any]:
    """Writes the registered references of a pair whose LR is there."""
    files, records = _registered(pair, read_image(lr), [read_image(file) for file in pair.refs], settings)
    names = file_names(pair, files["Ref_reg"], settings)
    for folder, image in files.items():
        write_image(target / names[folder], image, settings.jpeg)
    written = {names[folder]: digest(target / names[folder]) for folder in files}
    return {"source": source_digests(pair), "files": written, **records}


def _refs(pair: SourcePair, hr: Image, settings: PrepareSettings) -> list[Image]:
    """The references of a place, cut to the scale; one made from HR where that is asked for."""
    if settings.self_reference is None or pair.elsewhere is None:
        return [_cut(file, settings.scale) for file in pair.refs]
    limits = declared(str(hr.dtype), settings.range, pair.hr, "--range", in_option_file=False)
    elsewhere = read_image(pair.elsewhere)
    return [made_reference(hr, elsewhere, limits, hardness(settings.self_reference), settings.seed, pair.key)]


def _registered(
    pair: SourcePair, lr: Image, refs: list[Image], settings: PrepareSettings
) -> tuple[dict[str, Image], dict[str, Any]]:
    """Ref_reg, Ref_reg_DUX<s>, Ref_weight and, of several, Ref_used; and what the manifest keeps of them."""
    if settings.register == "none" or not refs:
        return {}, {}
    ranges = (settings.range, settings.range)
    found = registered_ref(lr, refs, settings.scale, settings.register, ranges, pair.name)
    small = imresize(normalised(found.ref), size=(lr.shape[0], lr.shape[1]))
    files = {
        "Ref_reg": found.ref,
        f"Ref_reg_DUX{settings.scale}": _upsampled(small, found.ref, settings.scale),
        "Ref_weight": found.weight,
    }
    if len(refs) > 1:
        files["Ref_used"] = found.used
    return files, {"registration": {"version": registration_version(), "references": list(found.records)}}


def check_formats(pair: SourcePair, info: ImageInfo, settings: PrepareSettings) -> None:
    """Refuses an image that the degradation or the files asked for cannot hold."""
    wants_jpeg = {
        f"degradation {settings.degradation!r}": preset(settings.degradation).compresses,
        f"JPEG quality {settings.jpeg}": settings.jpeg is not None,
    }
    for asked, wanted in wants_jpeg.items():
        if wanted and (info.dtype != "uint8" or info.bands not in (1, 3)):
            free = "; 'real-esrgan-lossless', 'mtf' and 'bicubic' do without" if "degradation" in asked else ""
            raise DataError(f"{pair.hr}: {info}, but {asked} needs JPEG: 8 bits and 1 or 3 bands{free}")
    if settings.suffix == ".png" and (info.dtype == "float32" or info.bands not in (1, 3, 4)):
        raise DataError(f"{pair.hr}: {info}, which no .png holds; .npy and .tif hold all")


def degrade_again(image: Image, entry: dict[str, Any]) -> Image:
    """The LR image that a manifest's entry describes, from its HR image."""
    return quantised(apply_steps(image, from_record(entry["steps"])), levels_of(image))


def file_names(pair: SourcePair, hr: Image, settings: PrepareSettings) -> dict[str, str]:
    """Folder: the file's path in the target."""
    lossless = settings.suffix or _lossless_suffix(hr)
    lossy = ".jpg" if settings.jpeg is not None else lossless
    scale = settings.scale
    suffixes = {"HR": lossless, "LR": lossy}
    if settings.lr_up_from != "none":
        suffixes[f"LR_UX{scale}"] = lossy
    if pair.has_ref:
        suffixes |= {"Ref": lossless, f"Ref_DUX{scale}": lossy}
    if settings.register != "none":
        plane = settings.suffix or ".png"
        suffixes |= {"Ref_reg": lossless, f"Ref_reg_DUX{scale}": lossy, "Ref_weight": plane}
        suffixes |= {"Ref_used": plane} if pair.others else {}
    part = f"{pair.part}/" if pair.part else ""
    return {folder: f"{part}{folder}/{pair.key}{suffix}" for folder, suffix in suffixes.items()}


def source_digests(pair: SourcePair) -> dict[str, str]:
    """Digests of the source images, by which a rerun knows whether they changed."""
    images = {"HR": pair.hr, "Ref": pair.ref, "LR": pair.lr, "elsewhere": pair.elsewhere}
    images |= {f"Ref {number}": file for number, file in enumerate(pair.others, 2)}
    return {name: digest(file) for name, file in images.items() if file is not None}


def digest(file: Path) -> str:
    """A file's content in 32 letters."""
    try:
        return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}") from error


def _cut(file: Path, scale: int, side: int | None = None) -> Image:
    """The image without the rows and columns at the bottom and right that do not fill a multiple of the scale.

    With `side` it is given that size before.
    """
    image = read_image(file)
    if side is not None:
        image = fitted_to_side(image, side)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise DataError(f"{file}: has pixels that are not finite; fill them first, resizing would spread them")
    return image[: image.shape[0] // scale * scale, : image.shape[1] // scale * scale]


def _drawn(key: str, hr: Image, settings: PrepareSettings) -> list[Step]:
    generator = numpy_generator(settings.seed, "degradation", key)
    return preset(settings.degradation).draw(generator, hr.shape[0], hr.shape[1], settings.scale)


def _upsampled(small: Image, like: Image, scale: int) -> Image:
    return quantised(imresize(small, scale), levels_of(like))


def _as_read(image: Image, settings: PrepareSettings) -> Image:
    """The image as its file gives it back."""
    if settings.jpeg is None:
        return image
    import cv2

    data = np.frombuffer(encode(image, "jpeg", settings.jpeg), np.uint8)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)).reshape(image.shape)
    return decoded[:, :, ::-1]


def _lossless_suffix(image: Image) -> str:
    if image.dtype.kind == "u" and image.shape[2] in (1, 3, 4):
        return ".png"
    return ".tif" if has_rasterio() else ".npy"


def lossless_suffixes() -> Iterable[str]:
    """What `PrepareSettings.suffix` may be."""
    return [suffix for suffix in IMAGE_SUFFIXES if suffix not in (".jpg", ".jpeg")]
