"""Options that are right one by one and wrong together; each case is overrides of the good file."""

from __future__ import annotations

import pytest

from refsr.core.options.load import examine_text

GAN = [
    "model=RRSGAN_model",
    "network_D.which_model_D=discriminator_vgg_128",
    "train.gan_weight=1e-3",
    "train.l1_init=300",
]
COSINE = ["train.lr_scheme=CosineAnnealingLR_Restart", "train.eta_min=1e-7"]

CONTRADICTIONS = {
    "crop and scale": (
        ["datasets.train.GT_size=3"],
        "datasets.train.GT_size: 3 is not a multiple of scale 4; 4 would be",
    ),
    "milestones": (
        ["train.lr_scheme=MultiStepLR", "train.lr_steps=[500,1500,2000]"],
        "train.lr_steps: 1500, 2000 beyond niter 1000: never reached",
    ),
    "no milestones": (["train.lr_scheme=MultiStepLR"], "train.lr_steps: is missing; MultiStepLR needs it"),
    "restart weights": (
        [*COSINE, "train.T_period=[500,500]", "train.restarts=[500]", "train.restart_weights=[1,1]"],
        "train.restart_weights: has length 2, but restarts has length 1",
    ),
    "restarts in order": (
        [*COSINE, "train.T_period=[300,300,300]", "train.restarts=[600,300]"],
        "train.restarts: must rise from entry to entry",
    ),
    "periods": (
        [*COSINE, "train.T_period=[500]", "train.restarts=[500]"],
        "train.T_period: has length 1; 1 restarts within niter need 2",
    ),
    "no periods": (COSINE, "train.T_period: is missing; CosineAnnealingLR_Restart needs it"),
    "eta_min": (["train.lr_scheme=cosine", "train.eta_min=1e-3"], "train.eta_min: 0.001 is not below lr_G 0.0001"),
    "warm-up": (["train.warmup_iter=2000"], "train.warmup_iter: 2000 is beyond niter 1000"),
    "GPUs": (["gpu_ids=[0,1,2]"], "datasets.train.batch_size: 8 cannot be shared equally by the 3 GPUs of gpu_ids"),
    "gradient_accumulation": (
        ["gpu_ids=[0,1]", "train.gradient_accumulation=3"],
        "train.gradient_accumulation: 3 does not divide the 4 samples of each process",
    ),
    "lr_up": (
        ["datasets.train.dataroot_LQ_UX4=null"],
        "datasets.train.dataroot_LQ_UX4: is missing; lr_up: from_lr makes it from LR",
    ),
    "ref_down": (
        ["datasets.train.dataroot_Ref_DUX4=null"],
        "datasets.train.dataroot_Ref_DUX4: is missing; ref_down: from_ref makes it from Ref",
    ),
    "both": (
        ["datasets.train.lr_up=from_lr"],
        "datasets.train.dataroot_LQ_UX4: is given, yet lr_up: from_lr makes these images",
    ),
    "references of single images": (
        ["datasets.train.mode=self_reference", "datasets.train.dataroot_Ref_DUX4=null"],
        "datasets.train.dataroot_Ref: has no place in mode self_reference, which makes Ref from HR",
    ),
    "degradation": (
        ["datasets.train.degradation=sensors"],
        "datasets.train.degradation: makes LR from HR, which only lr: from_hr asks for",
    ),
    "several references": (
        ["datasets.train.dataroot_Ref=[a,b]"],
        "datasets.train.dataroot_Ref: has several folders, which only a registration makes one of: register: auto",
    ),
    "registered twice": (
        ["datasets.train.register=auto", "datasets.train.dataroot_Ref_weight=w"],
        "datasets.train.dataroot_Ref_weight: is of a Ref that is registered already; register: none takes it so",
    ),
    "faults": (
        ["datasets.train.ref_wrong=0.6", "datasets.train.ref_missing=0.5"],
        "datasets.train.ref_wrong: 0.6 and ref_missing 0.5 are shares; together at most 1",
    ),
    "registration of nothing": (
        ["datasets.train.mode=single", "datasets.train.register=local"],
        "datasets.train.register: has no place in mode single, which has no Ref",
    ),
    "no reference": (
        ["datasets.val.dataroot_Ref=null"],
        "datasets.val.dataroot_Ref: is missing; mode RRSNet has a reference",
    ),
    "no target": (
        ["datasets.val.dataroot_GT=null"],
        "datasets.val.dataroot_GT: is missing; only a test set can do without targets",
    ),
    "no mask": (
        ["datasets.val.mode=change"],
        "datasets.val.dataroot_mask: is missing; mask: estimate makes it from LR and Ref, mask: none does without",
    ),
    "an estimate with classes": (
        ["datasets.val.mode=change", "datasets.val.mask=estimate", "datasets.val.mask_encoding=grey"],
        "datasets.val.mask_encoding: grey needs classes, an estimate has none: mask_encoding: changed",
    ),
    "no cubes": (
        ["datasets.val.mode=hyperspectral"],
        "datasets.val.dataroot_hsi: is missing; mode hyperspectral has cubes",
    ),
    "bands two ways": (
        ["datasets.val.hsi={band_ranges: [[1, 3]], wavelength_ranges: [[400, 500]]}", "datasets.val.bands_hsi=[1]"],
        "datasets.val.hsi.band_ranges: and wavelength_ranges and bands_hsi each choose bands; keep one of them",
    ),
    "wanted and bad": (
        ["datasets.val.hsi={bad_bands: [2, 3]}", "datasets.val.bands_hsi=[1, 2]"],
        "datasets.val.hsi.bad_bands: 2 stands in bands_hsi too",
    ),
    "falling span": (
        ["datasets.val.hsi={bad_wavelength_ranges: [[1900, 1800]]}"],
        "datasets.val.hsi.bad_wavelength_ranges: [1900, 1800]: the first must not be above the last",
    ),
    "clip": (
        ["datasets.val.hsi={clip: [1, 1]}"],
        "datasets.val.hsi.clip: the first value, 1, must be below the second, 1",
    ),
    "scaled twice": (
        ["datasets.val.hsi={divide_by: 10000}", "datasets.val.range_hsi=[0, 6000]"],
        "datasets.val.hsi.divide_by: 10000 and range_hsi both set the raw value that becomes 1; keep one of them",
    ),
    "no ratio": (
        ["datasets.val.hsi={pairing: position}"],
        "datasets.val.hsi.ratio: is missing; pairing: position makes cubes of so many HR pixels a pixel",
    ),
    "idle ratio": (
        ["datasets.val.hsi={ratio: 4}"],
        "datasets.val.hsi.ratio: 4 is for pairing: position; otherwise it follows from the sizes of the files",
    ),
    "range": (
        ["datasets.val.range=[10,10]"],
        "datasets.val.range: the first value, 10, must be below the second, 10",
    ),
    "bands": (["datasets.val.bands=[0,1]"], "datasets.val.bands: bands are counted from 1"),
    "mask encoding": (
        ["datasets.val.mask_encoding=one_hot"],
        "datasets.val.mask_encoding: one_hot needs mask_values, which say the class of each value",
    ),
    "mask values": (["datasets.val.mask_values=[0,0]"], "datasets.val.mask_values: a value stands twice"),
    "no discriminator": (
        ["model=RRSGAN_model", "train.gan_weight=1"],
        "network_D: is missing; RRSGAN_model has discriminators",
    ),
    "nothing adversarial": (
        [*GAN, "train.gan_weight=0"],
        "train.gan_weight: is 0, and so is gradient_gan_weight: RRSGAN_model has nothing to do",
    ),
    "late start": (
        [*GAN, "train.l1_init=30000"],
        "train.l1_init: 30000 is beyond niter 1000: the adversarial stage never starts",
    ),
    "resting generator": (
        [*GAN, "train.D_init_iters=1000"],
        "train.D_init_iters: 1000 is not before niter 1000: the generator is never trained",
    ),
    "nothing to validate": (
        ["datasets={train: {mode: single, lr: from_hr, dataroot_GT: a}}"],
        "datasets.val: is missing; train.val_freq: 0 trains without validation",
    ),
    "best without validation": (
        ["train.val_freq=0", "logger.best_by=psnr"],
        "logger.best_by: no checkpoint can be best by psnr when train.val_freq is 0",
    ),
    "average": (
        ["train.ema_decay=0.9", "train.ema_start=1000"],
        "train.ema_start: 1000 is not before niter 1000: nothing is averaged",
    ),
    "seeds": (
        ["seed=1", "train.manual_seed=2"],
        "train.manual_seed: 2 differs from the top-level seed 1; keep one of the two",
    ),
    "resume": (
        ["path.auto_resume=true", "path.resume_state=x.state"],
        "path.auto_resume: chooses the state itself, yet path.resume_state names one",
    ),
    "tiles": (["val.tile=32", "val.tile_overlap=32"], "val.tile_overlap: 32 is not below tile 32"),
    "no train section": (["train=null"], "train: is missing, though datasets.train is there"),
}


@pytest.mark.parametrize(("words", "expected"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_reported(good, words, expected):
    examined = examine_text(good, "f.yml", words)
    assert [str(problem).partition(": ")[2] for problem in examined.problems] == [expected]


@pytest.mark.parametrize(
    "words",
    [
        GAN,
        [*COSINE, "train.T_period=[500,500]", "train.restarts=[500]", "train.restart_weights=[0.5]"],
        ["datasets.train.lr_up=from_lr", "datasets.train.dataroot_LQ_UX4=null"],
        ["seed=3", "train.manual_seed=3"],
        ["datasets.test_far={mode: single, dataroot_LQ: x}"],
        ["train.lr_scheme=MultiStepLR", "train.lr_steps=[1000]"],
    ],
)
def test_what_only_looks_like_one_is_not(good, words):
    assert examine_text(good, "f.yml", words).problems == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train.lr_steps=[5]"], "train.lr_steps: does nothing under lr_scheme constant"),
        (["train.gan_weight=1"], "train.gan_weight: does nothing: RRSNet_model has pixel losses only"),
        (
            ["datasets.val_2.use_flip=true"],
            "datasets.val_2.use_flip: does nothing: validation takes whole images as they are",
        ),
        (
            ["datasets.val.dataroot_LQ=a.lmdb"],
            "datasets.val: some data are LMDB stores and some folders; fine here, but the published loader wants one "
            "kind",
        ),
        (
            [*COSINE, "train.T_period=[500]"],
            "train.T_period: a period ends before its restart: the learning rate climbs again",
        ),
    ],
)
def test_what_may_surprise_is_a_notice(good, words, expected):
    examined = examine_text(good, "f.yml", words)
    assert examined.problems == ()
    assert f"command line: {expected}" in {
        str(notice).replace("f.yml:14", "command line") for notice in examined.notices
    }
