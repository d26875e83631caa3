"""Chips of a drawn scene whose reference lies on another grid: all members show one ground, to a tenth of a pixel."""

from __future__ import annotations

import chip_ground
import numpy as np
import pytest

from refsr.data.images import read_image
from refsr.ops.resize import imresize
from refsr.worlds.knobs import Knobs
from refsr.worlds.world_folder import make_world

SIZE = 96


def peak(one, other):
    """(row, column) by which `other` lies off `one`, from the phase of their spectra, to a hundredth of a pixel."""
    window = np.outer(np.hanning(one.shape[0]), np.hanning(one.shape[1]))
    first, second = (np.fft.fft2((image - image.mean()) * window) for image in (one, other))
    cross = np.conj(first) * second
    frequency = np.fft.fftfreq(one.shape[0])
    rows, columns = np.meshgrid(frequency, frequency, indexing="ij")
    low = (np.hypot(rows, columns) < 0.2) & (np.hypot(rows, columns) > 0)
    weight = np.abs(cross[low])
    shift = np.zeros(2)
    for _ in range(5):
        left = np.angle(cross[low] * np.exp(2j * np.pi * (rows[low] * shift[0] + columns[low] * shift[1])))
        design = -2 * np.pi * np.stack([rows[low], columns[low]], 1) * np.sqrt(weight)[:, None]
        shift += np.linalg.lstsq(design, left * np.sqrt(weight), rcond=None)[0]
    return shift


def test_the_measure_finds_a_known_shift():
    image = np.random.default_rng(0).normal(size=(96, 96))
    smooth = np.fft.ifft2(np.fft.fft2(image) * (np.hypot(*np.meshgrid(*[np.fft.fftfreq(96)] * 2)) < 0.15)).real
    rows, columns = np.meshgrid(np.fft.fftfreq(96), np.fft.fftfreq(96), indexing="ij")
    moved = np.fft.ifft2(np.fft.fft2(smooth) * np.exp(-2j * np.pi * (0.3 * rows - 0.2 * columns))).real
    np.testing.assert_allclose(peak(smooth, moved), [0.3, -0.2], atol=0.03)


@pytest.fixture(scope="module", params=[("EPSG:4326", 0.8), ("utm", 1.7)])
def world(request, tmp_path_factory):
    system, pixel = request.param
    folder = tmp_path_factory.mktemp("world")
    # What differs between HR and Ref is the grid alone: one time, no parallax, no error in a header.
    alike = dict.fromkeys(("misregistration", "rotation", "scale_difference", "view_angle", "sun_shift"), 0.0)
    knobs = Knobs(
        places=1, size=288, scale=4, seed=5, geo=True, val=0, test=0, change=0.0, dates=1, haze=0.0, **alike,
        ref_crs=system, ref_pixel=pixel, ref_extent=1.2,
    )  # fmt: skip
    make_world(folder, knobs, workers=1)
    return folder


def test_all_members_show_one_ground(world, tmp_path):
    (hr,), (ref,), (lr,) = (sorted((world / "train" / kind).iterdir()) for kind in ("HR", "Ref", "LR"))
    settings = {"size": SIZE, "gap": 0.0, "split": (1.0, 0.0, 0.0), "block": 1000.0}
    chip_ground.cut(tmp_path / "set", hr, ref=[ref], lr=[lr], **settings)
    keys = sorted(chip_ground.record(tmp_path / "set")["chips"])
    assert len(keys) == 9
    shifts = []
    for key in keys:
        images = [read_image(tmp_path / "set" / "train" / kind / f"{key}.png") for kind in ("HR", "Ref", "LR")]
        grey = [image.mean(axis=2).astype(np.float64) for image in images]
        shifts.append(peak(grey[0], grey[1]))
        small = imresize(grey[0], "1/4")
        # LR is a file of its own: it was taken as it is.
        assert np.abs(small - grey[2])[2:-2, 2:-2].mean() < 1.5
        shifts.append(4 * peak(small, grey[2]))
    assert np.abs(np.median(shifts[::2], axis=0)).max() < 0.1
    assert np.abs(np.median(shifts[1::2], axis=0)).max() < 0.1
