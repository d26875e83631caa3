"""Options that are right one by one and wrong together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from refsr.core.errors import nearest
from refsr.core.options.cubes import CubeOptions
from refsr.core.options.datasets import DatasetOptions
from refsr.core.options.problems import KeyPath, key_text
from refsr.core.options.schema import DATASET_NAMES, Options
from refsr.core.options.train import TrainOptions
from refsr.core.registry import canonical, source


@dataclass(frozen=True)
class Finding:
    """Something about `path`; it is told only if no path in `rests_on` has a mistake of its own."""

    path: KeyPath
    message: str
    rests_on: tuple[KeyPath, ...] = ()
    key: str | None = None
    """The key that was probably meant."""


def contradictions(options: Options) -> Iterator[Finding]:
    """Everything in the options that cannot be meant."""
    for name, dataset in options.datasets.items():
        at: KeyPath = ("datasets", name)
        if not re.fullmatch(DATASET_NAMES, name):
            near = nearest(name, ("train", "val", "test"))
            hint = f"did you mean {near!r}?" if near else "known: train, val, test, val_NAME, test_NAME"
            yield Finding(at, f"unknown data set; {hint}", key=near)
        yield from _folders(name, dataset, at)
        yield from _numbers(options, dataset, at)
        if dataset.hsi is not None:
            yield from _cubes(dataset, dataset.hsi, (*at, "hsi"))
    yield from _sections(options)
    if options.train is not None:
        yield from _schedule(options.train)
        yield from _loop(options, options.train)
    yield from _paths(options)


def _folders(name: str, dataset: DatasetOptions, at: KeyPath) -> Iterator[Finding]:
    given = dataset.roots()
    mode = (*at, "mode")

    def wanted(key: str, reason: str, *others: str) -> Iterator[Finding]:
        if key not in given:
            yield Finding((*at, key), f"is missing; {reason}", (mode, *((*at, other) for other in others)))

    if not name.startswith("test"):
        yield from wanted("dataroot_GT", "only a test set can do without targets")
    if dataset.kind != "hyperspectral" and dataset.lr == "file":
        yield from wanted("dataroot_LQ", "lr: from_hr makes LR from HR", "lr")
    if dataset.lr == "from_hr":
        yield from wanted("dataroot_GT", "lr: from_hr makes LR from it", "lr")
    if dataset.kind in ("reference", "change"):
        yield from wanted("dataroot_Ref", f"mode {dataset.mode} has a reference")
    if dataset.kind == "reference" and dataset.lr_up == "file":
        yield from wanted("dataroot_LQ_UX4", "lr_up: from_lr makes it from LR", "lr_up")
    if dataset.kind == "reference" and dataset.ref_down == "file":
        yield from wanted("dataroot_Ref_DUX4", "ref_down: from_ref makes it from Ref", "ref_down")
    if dataset.kind == "change" and dataset.mask == "file":
        yield from wanted("dataroot_mask", "mask: estimate makes it from LR and Ref, mask: none does without", "mask")
    if dataset.kind == "hyperspectral":
        yield from wanted("dataroot_hsi", "mode hyperspectral has cubes")
    for switch, key, made in (
        ("lr", "dataroot_LQ", "from_hr"),
        ("lr_up", "dataroot_LQ_UX4", "from_lr"),
        ("ref_down", "dataroot_Ref_DUX4", "from_ref"),
    ):
        if getattr(dataset, switch) == made and key in given:
            yield Finding((*at, key), f"is given, yet {switch}: {made} makes these images", ((*at, switch),))


def _numbers(options: Options, dataset: DatasetOptions, at: KeyPath) -> Iterator[Finding]:
    size, scale = dataset.GT_size, options.scale
    if size is not None and size % scale:
        below = size - size % scale
        near = f"{below} or {below + scale}" if below else str(scale)
        message = f"{size} is not a multiple of scale {scale}; {near} would be"
        yield Finding((*at, "GT_size"), message, (("scale",),))
    for key in ("range", "range_hsi"):
        limits = getattr(dataset, key)
        if limits is not None and limits[0] >= limits[1]:
            yield Finding((*at, key), f"the first value, {limits[0]:g}, must be below the second, {limits[1]:g}")
    for key in ("bands", "bands_hsi"):
        bands = getattr(dataset, key) or []
        if any(band < 1 for band in bands):
            yield Finding((*at, key), "bands are counted from 1")
    values = dataset.mask_values
    if values is not None and len(set(values)) < len(values):
        yield Finding((*at, "mask_values"), "a value stands twice")
    if dataset.mask == "estimate" and dataset.mask_encoding != "changed":
        message = f"{dataset.mask_encoding} needs classes, an estimate tells only where: mask_encoding: changed"
        yield Finding((*at, "mask_encoding"), message, ((*at, "mask"),))
    if values is None and dataset.mask_encoding in ("index", "one_hot"):
        message = f"{dataset.mask_encoding} needs mask_values, which say the class of each value"
        yield Finding((*at, "mask_encoding"), message, ((*at, "mask_values"),))
    if at[-1] == "train" and options.gpu_ids and dataset.batch_size % len(options.gpu_ids):
        message = f"{dataset.batch_size} cannot be shared equally by the {len(options.gpu_ids)} GPUs of gpu_ids"
        yield Finding((*at, "batch_size"), message, (("gpu_ids",),))


def _cubes(dataset: DatasetOptions, cubes: CubeOptions, at: KeyPath) -> Iterator[Finding]:
    ways = [name for name in ("band_ranges", "wavelengths", "wavelength_ranges") if getattr(cubes, name) is not None]
    if dataset.bands_hsi is not None:
        ways.append("bands_hsi")
    if len(ways) > 1:
        others = " and ".join(ways[1:])
        message = f"and {others} each choose bands; keep one of them"
        other = (*at[:-1], "bands_hsi") if ways[1] == "bands_hsi" else (*at, ways[1])
        yield Finding((*at, ways[0]), message, (other,))
    both = sorted(set(dataset.bands_hsi or []) & set(cubes.bad_bands))
    if both:
        message = f"{', '.join(map(str, both))} stand{'s' * (len(both) == 1)} in bands_hsi too"
        yield Finding((*at, "bad_bands"), message, ((*at[:-1], "bands_hsi"),))
    for key in ("band_ranges", "wavelength_ranges", "bad_wavelength_ranges"):
        for first, last in getattr(cubes, key) or []:
            if first > last:
                yield Finding((*at, key), f"[{first:g}, {last:g}]: the first must not be above the last")
    if cubes.clip is not None and cubes.clip[0] >= cubes.clip[1]:
        yield Finding((*at, "clip"), f"the first value, {cubes.clip[0]:g}, must be below the second, {cubes.clip[1]:g}")
    if cubes.divide_by is not None and dataset.range_hsi is not None:
        message = f"{cubes.divide_by:g} and range_hsi say each which raw value becomes 1; keep one of them"
        yield Finding((*at, "divide_by"), message, ((*at[:-1], "range_hsi"),))
    if cubes.pairing == "position" and cubes.ratio is None:
        message = "is missing; pairing: position makes cubes of so many HR pixels a pixel"
        yield Finding((*at, "ratio"), message, ((*at, "pairing"),))
    if cubes.pairing != "position" and cubes.ratio is not None:
        message = f"{cubes.ratio} is for pairing: position; by name the sizes of the files tell it"
        yield Finding((*at, "ratio"), message, ((*at, "pairing"),))


def _sections(options: Options) -> Iterator[Finding]:
    adversarial = _has_discriminators(options)
    if adversarial and options.network_D is None:
        yield Finding(("network_D",), f"is missing; {options.model} has discriminators", (("model",),))
    if "train" in options.datasets and options.train is None:
        yield Finding(("train",), "is missing, though datasets.train is there")
    train = options.train
    if train is None:
        return
    validates = any(name.startswith("val") for name in options.datasets)
    if "train" in options.datasets and train.val_freq and not validates:
        message = "is missing; train.val_freq: 0 trains without validation"
        yield Finding(("datasets", "val"), message, (("train", "val_freq"),))
    if options.logger.best_by is not None and not train.val_freq:
        message = f"no checkpoint can be best by {options.logger.best_by} when train.val_freq is 0"
        yield Finding(("logger", "best_by"), message, (("train", "val_freq"),))
    if adversarial and not train.gan_weight and not train.gradient_gan_weight:
        rests = (("model",), ("train", "gradient_gan_weight"))
        message = f"is 0, and so is gradient_gan_weight: {options.model} has nothing to do"
        yield Finding(("train", "gan_weight"), message, rests)
    if adversarial and train.l1_init > train.niter:
        message = f"{train.l1_init} is beyond niter {train.niter}: the adversarial stage never starts"
        yield Finding(("train", "l1_init"), message, (("model",), ("train", "niter")))
    if adversarial and train.D_init_iters >= train.niter:
        message = f"{train.D_init_iters} is not before niter {train.niter}: the generator never learns"
        yield Finding(("train", "D_init_iters"), message, (("model",), ("train", "niter")))


def _schedule(train: TrainOptions) -> Iterator[Finding]:
    scheme: KeyPath = ("train", "lr_scheme")
    niter: KeyPath = ("train", "niter")
    late = [step for step in train.lr_steps if step > train.niter]
    if late:
        shown = ", ".join(map(str, late))
        yield Finding(("train", "lr_steps"), f"{shown} beyond niter {train.niter}: never reached", (niter,))
    if train.lr_scheme == "MultiStepLR" and not train.lr_steps:
        yield Finding(("train", "lr_steps"), "is missing; MultiStepLR needs it", (scheme,))
    restarts = train.restarts or []
    weights = train.restart_weights
    if restarts != sorted(set(restarts)):
        yield Finding(("train", "restarts"), "must rise from entry to entry")
    if weights is not None and len(weights) != len(restarts):
        message = f"has length {len(weights)}, but restarts has length {len(restarts)}"
        yield Finding(("train", "restart_weights"), message, (("train", "restarts"),))
    if train.lr_scheme == "CosineAnnealingLR_Restart":
        if not train.T_period:
            yield Finding(("train", "T_period"), "is missing; CosineAnnealingLR_Restart needs it", (scheme,))
        reached = [restart for restart in restarts if restart < train.niter]
        if train.T_period and len(train.T_period) <= len(reached):
            message = f"has length {len(train.T_period)}; {len(reached)} restarts within niter need {len(reached) + 1}"
            yield Finding(("train", "T_period"), message, (scheme, niter, ("train", "restarts")))
    if train.lr_scheme in ("CosineAnnealingLR_Restart", "cosine", "linear") and train.eta_min >= train.lr_G:
        message = f"{train.eta_min:g} is not below lr_G {train.lr_G:g}"
        yield Finding(("train", "eta_min"), message, (scheme, ("train", "lr_G")))
    if train.warmup_iter > train.niter:
        yield Finding(("train", "warmup_iter"), f"{train.warmup_iter} is beyond niter {train.niter}", (niter,))


def _loop(options: Options, train: TrainOptions) -> Iterator[Finding]:
    dataset = options.datasets.get("train")
    batch: KeyPath = ("datasets", "train", "batch_size")
    if dataset is not None:
        each = dataset.batch_size // max(1, len(options.gpu_ids or []))
        if each % train.gradient_accumulation:
            message = f"{train.gradient_accumulation} does not divide the {each} samples of each process"
            yield Finding(("train", "gradient_accumulation"), message, (batch, ("gpu_ids",)))
    averages = train.ema_decay or train.ema_halflife_images
    if train.ema_decay and train.ema_halflife_images:
        message = f"{train.ema_decay:g} and ema_halflife_images both say how weights are averaged; keep one"
        yield Finding(("train", "ema_decay"), message, (("train", "ema_halflife_images"),))
    if averages and train.ema_start >= train.niter:
        message = f"{train.ema_start} is not before niter {train.niter}: nothing is averaged"
        rests = (("train", "niter"), ("train", "ema_decay"), ("train", "ema_halflife_images"))
        yield Finding(("train", "ema_start"), message, rests)
    if None not in (options.seed, train.manual_seed) and options.seed != train.manual_seed:
        message = f"{train.manual_seed} differs from the top-level seed {options.seed}; keep one of the two"
        yield Finding(("train", "manual_seed"), message, (("seed",),))


def _paths(options: Options) -> Iterator[Finding]:
    if options.sampling.sigma_min >= options.sampling.sigma_max:
        message = f"{options.sampling.sigma_min:g} is not below sigma_max {options.sampling.sigma_max:g}"
        yield Finding(("sampling", "sigma_min"), message, (("sampling", "sigma_max"),))
    if options.path.resume_state is not None and options.path.auto_resume:
        message = f"chooses the state itself, yet {key_text(('path', 'resume_state'))} names one"
        yield Finding(("path", "auto_resume"), message, (("path", "resume_state"),))
    if options.val.tile is not None and options.val.tile_overlap >= options.val.tile:
        message = f"{options.val.tile_overlap} is not below tile {options.val.tile}"
        yield Finding(("val", "tile_overlap"), message, (("val", "tile"),))


def _has_discriminators(options: Options) -> bool:
    """What is known of the tasks of this package; one that somebody else registered has them if the file names them."""
    if source("task", options.model):
        return options.network_D is not None
    return canonical("task", options.model) in ("twin_gan", "stylegan2", "specgan")


def notices(options: Options) -> Iterator[Finding]:
    """What is allowed and may surprise."""
    train = options.train
    adversarial = _has_discriminators(options)
    if options.network_D is not None and not adversarial:
        yield Finding(("network_D",), f"does nothing: {options.model} has no discriminator")
    if train is not None:
        yield from _idle_train_keys(train, adversarial, options.model)
    for name, dataset in options.datasets.items():
        roots = dataset.roots()
        packed = {root.name.endswith("lmdb") for root in roots.values()}
        if len(packed) > 1:
            message = "some data are LMDB stores and some folders; fine here, but the published loader wants one kind"
            yield Finding(("datasets", name), message)
        if name != "train":
            idle = [key for key in ("GT_size", "use_flip", "use_rot") if getattr(dataset, key)]
            for key in idle:
                yield Finding(("datasets", name, key), "does nothing: validation takes whole images as they are")
    if options.val.tiling != "seamless" and options.val.tile_overlap:
        yield Finding(("val", "tile_overlap"), f"does nothing under tiling {options.val.tiling}")
    if options.path.resume_state is not None and options.path.pretrain_model_G is not None:
        yield Finding(("path", "pretrain_model_G"), "does nothing: the weights of resume_state win")


def _idle_train_keys(train: TrainOptions, adversarial: bool, model: str) -> Iterator[Finding]:
    schemes = {
        "lr_steps": ("MultiStepLR",),
        "T_period": ("CosineAnnealingLR_Restart",),
        "restarts": ("MultiStepLR", "CosineAnnealingLR_Restart"),
        "eta_min": ("CosineAnnealingLR_Restart", "cosine", "linear"),
    }
    for key, used_by in schemes.items():
        if getattr(train, key) and train.lr_scheme not in used_by:
            yield Finding(("train", key), f"does nothing under lr_scheme {train.lr_scheme}")
    if train.lr_scheme == "CosineAnnealingLR_Restart" and train.T_period:
        ends = [*(step for step in train.restarts or [] if step < train.niter), train.niter]
        starts = [0, *ends[:-1]]
        if any(end - start > period for start, end, period in zip(starts, ends, train.T_period, strict=False)):
            message = "a period ends before its restart: the learning rate climbs again"
            yield Finding(("train", "T_period"), message)
    if not adversarial:
        for key in ("gan_weight", "gradient_gan_weight", "feature_weight", "l1_init", "D_init_iters"):
            if getattr(train, key):
                yield Finding(("train", key), f"does nothing: {model} has pixel losses only")
    if train.val_freq > train.niter:
        yield Finding(
            ("train", "val_freq"), f"{train.val_freq} is beyond niter {train.niter}: only the end is validated"
        )
