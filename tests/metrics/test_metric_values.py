"""Metrics against their formulas, and against the numbers that the packages they are known from gave.

Those numbers are of the pictures and weights in scenes.py. They were taken with stlpips-pytorch 0.0.2, lpips 0.1.4,
DISTS-pytorch 0.1, basicsr 1.4.2, and torchmetrics 1.9 on torch-fidelity 0.4.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scenes import blurred, drawn_for, noisy, scene
from scipy.linalg import sqrtm
from torch import nn

from refsr.core.errors import DataError
from refsr.metrics import METRICS, available, build
from refsr.metrics.base import as_tensor
from refsr.metrics.building import MetricConfig
from refsr.metrics.colour import luma
from refsr.metrics.feature_distance import feature_distance
from refsr.metrics.inception import Inception
from refsr.metrics.naturalness import niqe
from refsr.metrics.structure_texture import structure_texture
from refsr.metrics.weight_files import read, require
from refsr.networks import backbones as backbones
from refsr.networks.backbones import features_of

TARGET = scene()
DAMAGED = {"noisy": noisy(TARGET, 12), "blurred": blurred(TARGET, 1.5)}


def served(name: str, weights: Path | None = None, scale: int = 4):
    if (line := available(name, weights)) is not None:
        pytest.skip(line)
    return build(name, weights, scale)


# ST-LPIPS: the package's own weights.


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("st-lpips", "noisy", 0.31049931049346924),
        ("st-lpips", "blurred", 0.30486899614334106),
        ("st-lpips-alex", "noisy", 0.16017888486385345),
        ("st-lpips-alex", "blurred", 0.3477425277233124),
    ],
)
def test_st_lpips_gives_the_packages_numbers(name, kind, expected):
    assert served(name)(DAMAGED[kind], TARGET) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("name", "expected"), [("st-lpips", 0.1698847860097885), ("st-lpips-alex", 0.0307344775)])
def test_st_lpips_of_odd_sides_too(name, expected):
    odd = scene(67, 81, 3)
    assert served(name)(noisy(odd, 9), odd) == pytest.approx(expected, abs=1e-5)


def test_st_lpips_minds_a_shift_of_one_pixel_less_than_noise_of_the_same_psnr():
    judge, fidelity = served("st-lpips"), build("psnr")
    target = scene(96, 97)
    shifted, still = target[:, 1:], target[:, :-1]
    deviation = 255 / 10 ** (fidelity(shifted, still) / 20)
    assert judge(shifted, still) < 0.5 * judge(noisy(still, deviation), still)


# LPIPS and DISTS: published heads on drawn backbones, because no package ships the backbones.


@pytest.mark.parametrize(("kind", "expected"), [("noisy", 0.028246760368347168), ("blurred", 0.013968536630272865)])
def test_lpips_network_gives_the_packages_numbers(kind, expected):
    heads = read("lpips-heads", _required("lpips-heads"))
    backbone = backbones.alexnet()
    network = feature_distance(backbone, drawn_for(backbone.layers), heads)
    pair = [as_tensor(values, single=True) / 127.5 - 1 for values in (DAMAGED[kind], TARGET)]
    assert network(*pair).item() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(("kind", "expected"), [("noisy", 0.0258675217628479), ("blurred", 0.012788772583007812)])
def test_dists_network_gives_the_packages_numbers(kind, expected):
    weights = read("dists-weights", _required("dists-weights"))
    network = structure_texture(drawn_for(backbones.vgg16().layers), weights)
    pair = [as_tensor(values, single=True) / 255 for values in (DAMAGED[kind], TARGET)]
    assert network(*pair).item() == pytest.approx(expected, abs=1e-6)


def _required(key: str) -> Path:
    pytest.importorskip("torchmetrics")
    return require(key)


@pytest.mark.parametrize(("name", "expected"), [("lpips", 0.028246760368347168), ("dists", 0.0258675217628479)])
def test_lpips_and_dists_from_files_as_people_bring_them(name, expected, drawn_weights):
    assert served(name, drawn_weights)(DAMAGED["noisy"], TARGET) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "backbone"),
    [("alexnet", backbones.alexnet()), ("vgg16", backbones.vgg16()), ("vgg16", backbones.vgg16(backbones.l2_pool))],
)
def test_trunks_take_torchvisions_keys(name, backbone):
    try:
        from torchvision import models
    except Exception as error:
        pytest.skip(f"torchvision cannot be imported ({error})")
    network = getattr(models, name)(weights=None).eval()
    backbone.load_features(features_of(network.state_dict()))
    picture = torch.rand(1, 3, 64, 70)
    features = backbone(picture)
    assert torch.equal(features[0], network.features[: backbone.taps[0] + 1](picture))
    if not any(isinstance(layer, backbones.L2Pool) for layer in backbone.layers):
        assert torch.equal(features[-1], network.features[: backbone.taps[-1] + 1](picture))


# NIQE


@pytest.mark.parametrize(
    ("kind", "in_double", "in_single"),
    [
        ("clean", 7.029041112404123, 7.028552494843341),
        ("noisy", 12.917995532734146, 12.91799191471249),
        ("blurred", 8.930783053082243, 8.930660663718866),
    ],
)
def test_niqe_gives_the_packages_numbers(kind, in_double, in_single):
    """Its function on float64 luma, halved in float32; and its front end, in which all is float32."""
    clean = scene(300, 400)
    picture = {"clean": clean, "noisy": noisy(clean, 12), "blurred": blurred(clean, 1.5)}[kind]
    assert niqe(picture) == pytest.approx(in_double, abs=3e-5)
    assert niqe(picture) == pytest.approx(in_single, abs=1e-3)
    assert niqe(np.rint(luma(picture))) == niqe(picture)


def test_niqe_of_a_picture_with_a_flat_part():
    """Blocks without texture have no covariance, but count in the means of the features that they have."""
    picture = scene(300, 400)
    picture[:110, :120] = 77
    assert niqe(picture) == pytest.approx(7.247089293860819, abs=0.07)
    assert np.isfinite(niqe(picture))


def test_niqe_names_what_it_cannot_judge():
    with pytest.raises(DataError, match="two blocks of 96x96"):
        niqe(scene(191, 191))
    with pytest.raises(DataError, match="any texture"):
        niqe(np.full((200, 200), 100.0))
    with pytest.raises(DataError, match="three bands or one, got 4"):
        niqe(np.zeros((200, 200, 4)))


# FID


def test_inception_gives_torch_fidelitys_features():
    network = Inception()
    network.load_published(drawn_for(network))
    network.eval()
    with torch.inference_mode():
        features = network(as_tensor(scene(64, 72), single=True))
    assert features.shape == (1, 2048)
    assert features.double().norm().item() == pytest.approx(108.50658211413104, rel=1e-5)


def test_inception_has_torchvisions_keys():
    try:
        from torchvision.models import Inception3
    except Exception as error:
        pytest.skip(f"torchvision cannot be imported ({error})")
    theirs = Inception3(init_weights=False).state_dict()
    ours = {key: value.shape for key, value in Inception().state_dict().items()}
    left = ("AuxLogits", "fc.")
    assert ours == {key: value.shape for key, value in theirs.items() if not key.startswith(left)}


class Patches(nn.Module):
    """(B, 3, H, W) -> (B, 6), for Gaussians that are quick to compare."""

    num_features = 6

    def forward(self, images):
        return torch.cat([images.mean(dim=(2, 3)), images.std(dim=(2, 3))], dim=1)


def _fid():
    pytest.importorskip("torchmetrics")
    from refsr.metrics.frechet_distance import Fid

    return Fid(MetricConfig(METRICS["fid"]), Patches())


def test_fid_is_its_formula_and_adds_up_over_processes():
    whole, parts = _fid(), [_fid(), _fid()]
    images, targets = [noisy(scene(32, 32, n), 9, n) for n in range(9)], [scene(32, 32, n) for n in range(9)]
    for index, pair in enumerate(zip(images, targets, strict=True)):
        whole.update(*pair)
        parts[index % 2].update(*pair)
    features = [np.stack([Patches()(as_tensor(one)).numpy()[0] for one in side]) for side in (images, targets)]
    (m1, c1), (m2, c2) = ((side.mean(axis=0), np.cov(side, rowvar=False)) for side in features)
    expected = np.sum((m1 - m2) ** 2) + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert whole.result() == pytest.approx(expected, rel=1e-3)
    for mine, other in zip(parts[0].sums, parts[1].sums, strict=True):
        mine += other
    assert parts[0].result() == pytest.approx(whole.result(), rel=1e-6)


def test_fid_of_a_set_and_itself_is_none_and_of_one_image_a_mistake():
    judge = _fid()
    judge.update(scene(32, 32, 0), scene(32, 32, 0))
    with pytest.raises(DataError, match="two images or more, got 1"):
        judge.result()
    for seed in (1, 2, 3, 4, 5, 6, 7):
        judge.update(scene(32, 32, seed), scene(32, 32, seed))
    assert judge.result() == pytest.approx(0, abs=1e-3)


def test_fid_from_a_file_as_people_bring_it(drawn_weights):
    first, second = served("fid", drawn_weights), served("fid", drawn_weights)
    first.update(scene(40, 40), scene(40, 40))
    assert [int(sums.sum()) for sums in (first.sums[2], second.sums[2])] == [1, 0]
    assert first.sums[0].norm().item() > 1
    # Whole networks are kept once, however many methods are measured.
    assert first.distance.inception is second.distance.inception


# What torchmetrics computes, against the formulas


def test_sam_is_the_angle_in_degrees_and_leaves_black_pixels_out():
    judge = served("sam")
    target = np.broadcast_to([100.0, 0.0], (4, 4, 2)).copy()
    image = np.broadcast_to([50.0, 50.0], (4, 4, 2))
    assert judge(image, target) == pytest.approx(45)
    target[0] = 0
    assert judge(image, target) == pytest.approx(45)
    with pytest.raises(DataError, match="every pixel is black"):
        judge(image, np.zeros_like(image))


def test_ergas_is_its_formula_for_the_factor():
    target = scene(40, 50)
    image = noisy(target, 9)
    errors = np.sqrt(((image - target) ** 2).mean(axis=(0, 1))) / target.mean(axis=(0, 1))
    for scale in (2, 4, 8):
        expected = 100 / scale * np.sqrt((errors**2).mean())
        assert served("ergas", scale=scale)(image, target) == pytest.approx(expected)
    with pytest.raises(DataError, match="band 2 of the target is all zero"):
        served("ergas")(image, target * [1, 0, 1])


def test_ms_ssim_forgives_a_shift_that_ssim_does_not():
    target = scene(200, 201)
    shifted, still = target[:, 1:], target[:, :-1]
    assert served("ms-ssim")(shifted, still) > build("ssim")(shifted, still) + 0.02


def test_scc_counts_flat_windows_as_nothing():
    """torchmetrics' definition, told in the table; other libraries give one."""
    flat = np.full((32, 32, 3), 90.0)
    assert served("scc")(flat, flat) == 0
    assert "flat windows count 0" in METRICS["scc"].about


def test_scc_sees_detail_and_not_brightness():
    target = scene(96, 96)
    assert served("scc")(target * 0.5 + 20, target) > 0.99
