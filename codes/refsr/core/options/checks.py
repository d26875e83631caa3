"""Options that are right one by one and wrong together, options that do nothing, and files that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from refsr.core.errors import nearest
from refsr.core.options.cubes import CubeOptions
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.problems import Problem, clip
from refsr.core.options.schema import DATASET_NAMES, Options
from refsr.core.options.train import TrainOptions
from refsr.core.registry import bundled, canonical, source

_ADVERSARIAL = ("twin_gan", "stylegan2", "specgan")
_FILES = ("resume_state", "pretrain_model_D", "pretrain_model_D_grad", "perceptual_weights")


def _wrong(key: str, message: str, *depends_on: str, meant: str | None = None) -> Problem:
    """Something about a key that depends on other keys, all spelt with dots."""
    others = tuple(tuple(other.split(".")) for other in depends_on)
    return Problem(tuple(key.split(".")), message, depends_on=others, meant_key=meant)


def contradictions(options: Options) -> Iterator[Problem]:
    """Everything in the options that cannot be meant."""
    for name, dataset in options.datasets.items():
        here = f"datasets.{name}"
        if not re.fullmatch(DATASET_NAMES, name):
            near = nearest(name, ("train", "val", "test"))
            hint = f"did you mean {near!r}?" if near else "known: train, val, test, val_NAME, test_NAME"
            yield _wrong(here, f"unknown data set; {hint}", meant=near)
        yield from _roots(name, dataset, here)
        yield from _references(dataset, here)
        yield from _degradation(dataset, here)
        yield from _base(options, name, dataset, here)
        yield from _samples(options, dataset, here)
        if dataset.hsi is not None:
            yield from _cubes(dataset, dataset.hsi, here)
    yield from _sections(options)
    if options.train is not None:
        if adversarial(options):
            yield from _adversarial_training(options, options.train)
        yield from _schedule(options.train)
        yield from _loop(options, options.train)
    yield from _restoring(options)


def adversarial(options: Options) -> bool:
    """Whether the task has discriminators; one that a user registered has them if the file describes them."""
    if source("task", options.model):
        return options.network_D is not None
    return canonical("task", options.model) in _ADVERSARIAL


def _roots(name: str, dataset: DatasetOptions, here: str) -> Iterator[Problem]:
    if source("dataset", dataset.mode):
        return  # a data set that a user registered says itself what it needs
    kind, given = dataset.kind, dataset.roots()
    reads = {switch for switch in ("lr", "lr_up", "ref_down", "mask") if getattr(dataset, switch) == "file"}
    laid = dataset.register_ref != "none" or dataset.dataroot_Ref_weight is not None
    own = kind == "self_reference"
    pairs, masks, cubes = kind == "reference", kind == "change", kind == "hyperspectral"
    no_masks = "mask: estimate makes it from LR and Ref, mask: none does without"
    needed = (  # key, the switch that does without it, whether it is needed, why
        ("dataroot_GT", "mode", not name.startswith("test"), "only a test set can do without targets"),
        ("dataroot_LQ", "lr", "lr" in reads and not cubes, "lr: from_hr makes LR from HR"),
        ("dataroot_GT", "lr", "lr" not in reads, "lr: from_hr makes LR from it"),
        ("dataroot_Ref", "mode", pairs or masks, f"mode {dataset.mode} has a reference"),
        ("dataroot_LQ_UX4", "lr_up", (pairs or own) and "lr_up" in reads, "lr_up: from_lr makes it from LR"),
        (
            "dataroot_Ref_DUX4",
            "ref_down",
            pairs and "ref_down" in reads and not laid,
            "ref_down: from_ref makes it from Ref",
        ),
        ("dataroot_mask", "mask", masks and "mask" in reads, no_masks),
        ("dataroot_hsi", "mode", cubes, "mode hyperspectral has cubes"),
    )
    for key, switch, wanted, reason in needed:
        if wanted and not any(root.partition(".")[0] == key for root in given):
            yield _wrong(f"{here}.{key}", f"is missing; {reason}", f"{here}.mode", f"{here}.{switch}")
    for key, switch in (("dataroot_LQ", "lr"), ("dataroot_LQ_UX4", "lr_up"), ("dataroot_Ref_DUX4", "ref_down")):
        if switch not in reads and key in given:
            message = f"is given, yet {switch}: {getattr(dataset, switch)} makes these images"
            yield _wrong(f"{here}.{key}", message, f"{here}.{switch}")


def _references(dataset: DatasetOptions, here: str) -> Iterator[Problem]:
    """Registration, several references, faults."""
    kind, register = dataset.kind, dataset.register_ref
    if source("dataset", dataset.mode):
        return
    takes = kind in ("reference", "change", "self_reference")
    for key, given in (
        ("register", register != "none"),
        ("dataroot_Ref_weight", dataset.dataroot_Ref_weight is not None),
        ("ref_wrong", dataset.ref_wrong > 0),
        ("ref_missing", dataset.ref_missing > 0),
        ("ref_shift", dataset.ref_shift > 0),
    ):
        if given and not takes:
            yield _wrong(f"{here}.{key}", f"has no place in mode {dataset.mode}, which has no Ref", f"{here}.mode")
    for key in ("dataroot_Ref", "dataroot_Ref_DUX4", "dataroot_Ref_weight") if kind == "self_reference" else ():
        if getattr(dataset, key) is not None:
            message = "has no place in mode self_reference, which makes Ref from HR"
            yield _wrong(f"{here}.{key}", message, f"{here}.mode")
    if isinstance(dataset.dataroot_Ref, list) and register == "none":
        message = "has several folders, which only a registration makes one of: register: auto"
        yield _wrong(f"{here}.dataroot_Ref", message, f"{here}.register")
    if dataset.dataroot_Ref_weight is not None and register != "none":
        message = "is of a Ref that is registered already; register: none takes it so"
        yield _wrong(f"{here}.dataroot_Ref_weight", message, f"{here}.register")
    if dataset.ref_wrong + dataset.ref_missing > 1:
        message = f"{dataset.ref_wrong:g} and ref_missing {dataset.ref_missing:g} are shares; together at most 1"
        yield _wrong(f"{here}.ref_wrong", message, f"{here}.ref_missing")


def _degradation(dataset: DatasetOptions, here: str) -> Iterator[Problem]:
    """LR made from HR in another way than by bicubic."""
    makes = dataset.lr == "from_hr" or (dataset.kind == "single" and dataset.dataroot_LQ is None)
    if dataset.degradation is not None and not makes:
        message = "makes LR from HR, which only lr: from_hr asks for"
        yield _wrong(f"{here}.degradation", message, f"{here}.lr")


def _base(options: Options, name: str, dataset: DatasetOptions, here: str) -> Iterator[Problem]:
    """What a frozen part of the network makes of LR, read from files."""
    if dataset.dataroot_Base is None or source("dataset", dataset.mode):
        return
    key = f"{here}.dataroot_Base"
    if dataset.kind not in ("reference", "self_reference"):
        yield _wrong(key, f"has no place in mode {dataset.mode}, which has no Ref", f"{here}.mode")
    if dataset.degradation is not None:
        message = "is made of one LR, and degradation draws LR anew for each sample; refsr prepare makes LR once"
        yield _wrong(key, message, f"{here}.degradation")
    if name == "train" and options.train is not None:
        parts = [part for part in ("base", "front") if part not in options.train.freeze]
        parts = [part for part in parts if part == "base" or options.network_G.parameters.get("front")]
        if parts:
            yield _wrong(key, f"is what {parts[0]} makes while train.freeze keeps it as it is", "train.freeze")


def _samples(options: Options, dataset: DatasetOptions, here: str) -> Iterator[Problem]:
    size, scale = dataset.GT_size, options.scale
    if size is not None and size % scale:
        below = size - size % scale
        near = f"{below} or {below + scale}" if below else str(scale)
        yield _wrong(f"{here}.GT_size", f"{size} is not a multiple of scale {scale}; {near} would be", "scale")
    for key in ("range", "range_hsi"):
        limits = getattr(dataset, key)
        if limits is not None and limits[0] >= limits[1]:
            yield _wrong(f"{here}.{key}", _not_rising(limits))
    for key in ("bands", "bands_hsi"):
        if any(band < 1 for band in getattr(dataset, key) or []):
            yield _wrong(f"{here}.{key}", "bands are counted from 1")
    values, encoding = dataset.mask_values, dataset.mask_encoding
    if values is not None and len(set(values)) < len(values):
        yield _wrong(f"{here}.mask_values", "a value stands twice")
    if dataset.mask == "estimate" and encoding != "changed":
        message = f"{encoding} needs classes, an estimate has none: mask_encoding: changed"
        yield _wrong(f"{here}.mask_encoding", message, f"{here}.mask")
    if values is None and encoding in ("index", "one_hot"):
        message = f"{encoding} needs mask_values, which say the class of each value"
        yield _wrong(f"{here}.mask_encoding", message, f"{here}.mask_values")
    if here == "datasets.train" and options.gpu_ids and dataset.batch_size % len(options.gpu_ids):
        message = f"{dataset.batch_size} cannot be shared equally by the {len(options.gpu_ids)} GPUs of gpu_ids"
        yield _wrong(f"{here}.batch_size", message, "gpu_ids")


def _not_rising(limits: list[float]) -> str:
    return f"the first value, {limits[0]:g}, must be below the second, {limits[1]:g}"


def _cubes(dataset: DatasetOptions, cubes: CubeOptions, here: str) -> Iterator[Problem]:
    at = f"{here}.hsi"
    choices = {f"{at}.{key}": key for key in ("band_ranges", "wavelengths", "wavelength_ranges") if getattr(cubes, key)}
    if dataset.bands_hsi is not None:
        choices[f"{here}.bands_hsi"] = "bands_hsi"
    if len(choices) > 1:
        first, *others = choices
        message = f"and {' and '.join(map(choices.__getitem__, others))} each choose bands; keep one of them"
        yield _wrong(first, message, others[0])
    both = sorted(set(dataset.bands_hsi or []) & set(cubes.bad_bands))
    if both:
        message = f"{', '.join(map(str, both))} stand{'s' * (len(both) == 1)} in bands_hsi too"
        yield _wrong(f"{at}.bad_bands", message, f"{here}.bands_hsi")
    for key in ("band_ranges", "wavelength_ranges", "bad_wavelength_ranges"):
        for first_band, last_band in getattr(cubes, key) or []:
            if first_band > last_band:
                message = f"[{first_band:g}, {last_band:g}]: the first must not be above the last"
                yield _wrong(f"{at}.{key}", message)
    if cubes.clip is not None and cubes.clip[0] >= cubes.clip[1]:
        yield _wrong(f"{at}.clip", _not_rising(cubes.clip))
    if cubes.divide_by is not None and dataset.range_hsi is not None:
        message = f"{cubes.divide_by:g} and range_hsi both set the raw value that becomes 1; keep one of them"
        yield _wrong(f"{at}.divide_by", message, f"{here}.range_hsi")
    if cubes.pairing == "position" and cubes.ratio is None:
        message = "is missing; pairing: position makes cubes of so many HR pixels a pixel"
        yield _wrong(f"{at}.ratio", message, f"{at}.pairing")
    if cubes.pairing != "position" and cubes.ratio is not None:
        message = f"{cubes.ratio} is for pairing: position; otherwise it follows from the sizes of the files"
        yield _wrong(f"{at}.ratio", message, f"{at}.pairing")


def _sections(options: Options) -> Iterator[Problem]:
    if adversarial(options) and options.network_D is None:
        yield _wrong("network_D", f"is missing; {options.model} has discriminators", "model")
    if "train" in options.datasets and options.train is None:
        yield _wrong("train", "is missing, though datasets.train is there")
    if options.train is None:
        return
    validates = any(name.startswith("val") for name in options.datasets)
    if "train" in options.datasets and options.train.val_freq and not validates:
        yield _wrong("datasets.val", "is missing; train.val_freq: 0 trains without validation", "train.val_freq")
    if options.logger.best_by is not None and not options.train.val_freq:
        message = f"no checkpoint can be best by {options.logger.best_by} when train.val_freq is 0"
        yield _wrong("logger.best_by", message, "train.val_freq")


def _adversarial_training(options: Options, train: TrainOptions) -> Iterator[Problem]:
    if not train.gan_weight and not train.gradient_gan_weight:
        message = f"is 0, and so is gradient_gan_weight: {options.model} has nothing to do"
        yield _wrong("train.gan_weight", message, "model", "train.gradient_gan_weight")
    if train.l1_init > train.niter:
        message = f"{train.l1_init} is beyond niter {train.niter}: the adversarial stage never starts"
        yield _wrong("train.l1_init", message, "model", "train.niter")
    if train.D_init_iters >= train.niter:
        message = f"{train.D_init_iters} is not before niter {train.niter}: the generator is never trained"
        yield _wrong("train.D_init_iters", message, "model", "train.niter")


def _schedule(train: TrainOptions) -> Iterator[Problem]:
    late = [step for step in train.lr_steps if step > train.niter]
    if late:
        message = f"{', '.join(map(str, late))} beyond niter {train.niter}: never reached"
        yield _wrong("train.lr_steps", message, "train.niter")
    if train.lr_scheme == "MultiStepLR" and not train.lr_steps:
        yield _wrong("train.lr_steps", "is missing; MultiStepLR needs it", "train.lr_scheme")
    restarts, weights = train.restarts or [], train.restart_weights
    if restarts != sorted(set(restarts)):
        yield _wrong("train.restarts", "must rise from entry to entry")
    if weights is not None and len(weights) != len(restarts):
        message = f"has length {len(weights)}, but restarts has length {len(restarts)}"
        yield _wrong("train.restart_weights", message, "train.restarts")
    if train.lr_scheme == "CosineAnnealingLR_Restart":
        periods = len(train.T_period)
        reached = len([restart for restart in restarts if restart < train.niter])
        if not periods:
            yield _wrong("train.T_period", "is missing; CosineAnnealingLR_Restart needs it", "train.lr_scheme")
        elif periods <= reached:
            message = f"has length {periods}; {reached} restarts within niter need {reached + 1}"
            yield _wrong("train.T_period", message, "train.lr_scheme", "train.niter", "train.restarts")
    if train.lr_scheme in _SCHEDULES["eta_min"] and train.eta_min >= train.lr_G:
        message = f"{train.eta_min:g} is not below lr_G {train.lr_G:g}"
        yield _wrong("train.eta_min", message, "train.lr_scheme", "train.lr_G")
    if train.warmup_iter > train.niter:
        yield _wrong("train.warmup_iter", f"{train.warmup_iter} is beyond niter {train.niter}", "train.niter")


_SCHEDULES = {
    "lr_steps": ("MultiStepLR",),
    "T_period": ("CosineAnnealingLR_Restart",),
    "restarts": ("MultiStepLR", "CosineAnnealingLR_Restart"),
    "eta_min": ("CosineAnnealingLR_Restart", "cosine", "linear"),
}
"""Keys of schedules, and the schedules that use them."""


def _loop(options: Options, train: TrainOptions) -> Iterator[Problem]:
    dataset = options.datasets.get("train")
    if dataset is not None:
        each = dataset.batch_size // max(1, len(options.gpu_ids or []))
        if each % train.gradient_accumulation:
            message = f"{train.gradient_accumulation} does not divide the {each} samples of each process"
            yield _wrong("train.gradient_accumulation", message, "datasets.train.batch_size", "gpu_ids")
    if train.ema_decay and train.ema_halflife_images:
        message = f"{train.ema_decay:g} and ema_halflife_images both say how weights are averaged; keep one"
        yield _wrong("train.ema_decay", message, "train.ema_halflife_images")
    if (train.ema_decay or train.ema_halflife_images) and train.ema_start >= train.niter:
        message = f"{train.ema_start} is not before niter {train.niter}: nothing is averaged"
        yield _wrong("train.ema_start", message, "train.niter", "train.ema_decay", "train.ema_halflife_images")
    if None not in (options.seed, train.manual_seed) and options.seed != train.manual_seed:
        message = f"{train.manual_seed} differs from the top-level seed {options.seed}; keep one of the two"
        yield _wrong("train.manual_seed", message, "seed")


def _restoring(options: Options) -> Iterator[Problem]:
    sampling, val = options.sampling, options.val
    if sampling.sigma_min >= sampling.sigma_max:
        message = f"{sampling.sigma_min:g} is not below sigma_max {sampling.sigma_max:g}"
        yield _wrong("sampling.sigma_min", message, "sampling.sigma_max")
    if options.path.resume_state is not None and options.path.auto_resume:
        message = "chooses the state itself, yet path.resume_state names one"
        yield _wrong("path.auto_resume", message, "path.resume_state")
    if val.tile is not None and val.tile_overlap >= val.tile:
        yield _wrong("val.tile_overlap", f"{val.tile_overlap} is not below tile {val.tile}", "val.tile")


_OF_TRAINING = ("GT_size", "use_flip", "use_rot", "ref_wrong", "ref_missing", "ref_shift")
"""Keys of data sets that count for training alone."""


def notices(options: Options) -> Iterator[Problem]:
    """What is allowed and may surprise."""
    if options.network_D is not None and not adversarial(options):
        yield _wrong("network_D", f"does nothing: {options.model} has no discriminator", "model")
    if options.train is not None:
        yield from _idle_train_keys(options, options.train)
    for name, dataset in options.datasets.items():
        if len({root.name.endswith("lmdb") for root in dataset.roots().values()}) > 1:
            message = "some data are LMDB stores and some folders; fine here, but the published loader wants one kind"
            yield _wrong(f"datasets.{name}", message)
        for key in _OF_TRAINING if name != "train" else ():
            if getattr(dataset, key):
                message = "does nothing: validation takes whole images as they are"
                yield _wrong(f"datasets.{name}.{key}", message)
    if options.val.tiling != "seamless" and options.val.tile_overlap:
        yield _wrong("val.tile_overlap", f"does nothing under tiling {options.val.tiling}")
    if options.path.resume_state is not None and options.path.pretrain_model_G is not None:
        yield _wrong("path.pretrain_model_G", "does nothing: the weights of resume_state win")


def _idle_train_keys(options: Options, train: TrainOptions) -> Iterator[Problem]:
    for key, used_by in _SCHEDULES.items():
        if getattr(train, key) and train.lr_scheme not in used_by:
            yield _wrong(f"train.{key}", f"does nothing under lr_scheme {train.lr_scheme}")
    if train.lr_scheme == "CosineAnnealingLR_Restart" and train.T_period:
        ends = [*(step for step in train.restarts or [] if step < train.niter), train.niter]
        lengths = (end - start for start, end in zip([0, *ends], ends, strict=False))
        if any(length > period for length, period in zip(lengths, train.T_period, strict=False)):
            message = "a period ends before its restart: the learning rate climbs again"
            yield _wrong("train.T_period", message)
    if not adversarial(options) and not source("task", options.model):
        for key in ("gan_weight", "gradient_gan_weight", "feature_weight", "l1_init", "D_init_iters"):
            if getattr(train, key):
                yield _wrong(f"train.{key}", f"does nothing: {options.model} has pixel losses only", "model")
    if train.val_freq > train.niter:
        message = f"{train.val_freq} is beyond niter {train.niter}: only the end is validated"
        yield _wrong("train.val_freq", message)


def missing_paths(options: Options) -> Iterator[Problem]:
    """What the options name and is not there, with the nearest name beside it that is."""
    for name, dataset in options.datasets.items():
        for key, folder in dataset.roots().items():
            yield from _missing(f"datasets.{name}.{key}", folder, wants_folder=True)
    for key in _FILES:
        file = getattr(options.path, key)
        if file is not None:
            yield from _missing(f"path.{key}", file, wants_folder=False)
    start = options.path.pretrain_model_G
    if start is not None and str(start) not in bundled():
        # A model file or the folder of a run.
        yield from _missing("path.pretrain_model_G", start, wants_folder=start.is_dir())


def _missing(key: str, path: Path, wants_folder: bool) -> Iterator[Problem]:
    shown, kind = f"'{clip(str(path))}'", "folder" if wants_folder else "file"
    try:
        if path.is_dir() if wants_folder else path.is_file():
            return
        message = f"{shown} is not a {kind}" if path.exists() else f"no {kind} {shown}{_hint(path)}"
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"{shown} cannot be looked at: {reason}"
    yield _wrong(key, message)


def _hint(path: Path) -> str:
    for parent in path.parents:
        if parent.is_dir():
            wrong = path.relative_to(parent).parts[0]
            near = nearest(wrong, sorted(entry.name for entry in parent.iterdir()))
            right = Path(parent, near, *path.relative_to(parent).parts[1:]) if near is not None else None
            if right is not None and right.exists():
                return f"; did you mean '{clip(str(right))}'?"
            return "" if path.is_absolute() else f" (from {Path.cwd()})"
    return ""
