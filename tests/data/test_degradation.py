"""Degradations: what each step does, what presets draw, and that a record replays the identical image."""

import json
import math

import numpy as np
import pytest

from refsr.core.errors import DataError, UsageError
from refsr.core.seeding import numpy_generator
from refsr.data.degradation import chain, kernels, mtf, steps
from refsr.data.degradation.levels import normalised, quantised
from refsr.data.degradation.presets import NO_JPEG, PRESETS, BlurAndPick, SensorMtf, preset
from refsr.data.degradation.record import from_record, to_record
from refsr.data.degradation.sensors import Sensors
from refsr.data.degradation.steps import Jpeg, PoissonNoise, apply_steps
from refsr.ops.resize import imresize

WITH_JPEG = {"real-esrgan", "refdiff-real", "sensors", "compressed"}


def image_of(dtype: str, bands: int, side: int = 96) -> np.ndarray:
    smooth = imresize(np.random.default_rng(bands).random((side // 4, side // 4, bands)), 4).clip(0, 1)
    return smooth.astype(np.float32) if dtype == "float32" else quantised(smooth, np.iinfo(dtype).max)


def drawn(name: str, image: np.ndarray, scale: int, seed: int) -> list[steps.Step]:
    return preset(name).draw(numpy_generator(seed, "test"), *image.shape[:2], scale)


@pytest.mark.parametrize("scale", [2, 3, 4, 8, 16, 32])
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_gives_the_size_and_replays_from_its_record(name, scale):
    image = image_of("uint8", 3)
    for seed in range(3):
        record = json.loads(json.dumps(to_record(drawn(name, image, scale, seed))))
        poor = apply_steps(image, drawn(name, image, scale, seed))
        assert poor.shape == (96 // scale, 96 // scale, 3)
        assert np.isfinite(poor).all()
        np.testing.assert_array_equal(poor, apply_steps(image, from_record(record)))


@pytest.mark.parametrize(("dtype", "bands"), [("uint16", 1), ("uint16", 6), ("float32", 30), ("uint8", 5)])
@pytest.mark.parametrize("name", sorted(PRESETS.keys() - WITH_JPEG))
def test_other_types_and_band_counts_keep_their_mean(name, dtype, bands):
    image = image_of(dtype, bands)
    poor = apply_steps(image, drawn(name, image, 4, 1))
    assert poor.shape == (24, 24, bands)
    np.testing.assert_allclose(poor.mean(), normalised(image).mean(), atol=0.02)


@pytest.mark.parametrize(
    ("dtype", "bands", "said"), [("uint16", 3, "16 bits"), ("float32", 3, "floats"), ("uint8", 4, "4")]
)
def test_jpeg_refuses_what_it_cannot_hold(dtype, bands, said):
    with pytest.raises(DataError, match=f"{said}.*'real-esrgan-lossless'"):
        apply_steps(image_of(dtype, bands), [steps.Jpeg(80)])


def test_seeds_matter_where_something_is_drawn():
    image = image_of("uint8", 3)
    for name in ("real-esrgan", "mtf", "noise", "refdiff-real"):
        one, other = (apply_steps(image, drawn(name, image, 4, seed)) for seed in (0, 1))
        assert np.abs(one - other).max() > 0.01


@pytest.mark.parametrize("name", ["bicubic", "bicubic-uint8", "blur", "mtf"])
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_nothing_is_shifted(name, scale):
    """A ramp comes out as the ramp of block centres, to much less than a pixel."""
    side = 30 * scale
    ramp = np.arange(side) / side
    image = np.stack([np.broadcast_to(ramp, (side, side)), np.broadcast_to(ramp[:, None], (side, side))], axis=2)
    quiet = [
        step for step in drawn(name, image, scale, 0) if not isinstance(step, steps.GaussianNoise | steps.SensorNoise)
    ]
    poor = apply_steps(image.astype(np.float32), quiet)
    centres = (np.arange(30) * scale + (scale - 1) / 2) / side
    inner = slice(8, -8)
    np.testing.assert_allclose(poor[15, inner, 0] * side, centres[inner] * side, atol=0.01)
    np.testing.assert_allclose(poor[inner, 15, 1] * side, centres[inner] * side, atol=0.01)


def test_bicubic_is_matlabs_in_both_roundings():
    image = image_of("uint8", 3)
    once = quantised(apply_steps(image, drawn("bicubic", image, 4, 0)), 255)
    each = quantised(apply_steps(image, drawn("bicubic-uint8", image, 4, 0)), 255)
    np.testing.assert_array_equal(once, imresize(image, "1/4", rounding="once"))
    np.testing.assert_array_equal(each, imresize(image, "1/4", rounding="axis"))
    assert (once != each).any()


@pytest.mark.parametrize(("scale", "size", "offset"), [(2, 12, -5), (3, 7, -3), (4, 12, -5), (5, 11, -5)])
def test_blur_and_pick_is_the_published_one(scale, size, offset):
    """Kernel sizes, replicated borders and picked pixels as the literature's BD has them, written out as a loop."""
    side = 6 * scale
    image = np.random.default_rng(0).random((side, side, 1))
    blur, pick = BlurAndPick().draw(numpy_generator(0), side, side, scale)
    assert isinstance(blur, steps.GaussianBlur)
    assert blur.size == size
    around = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(around**2) / (2 * 1.6**2))
    weights /= weights.sum()
    picked = range(scale // 2 - 1 if scale % 2 == 0 else scale // 2, side, scale)
    expected = [
        [
            sum(
                weights[i]
                * weights[j]
                * image[np.clip(r + i + offset, 0, side - 1), np.clip(c + j + offset, 0, side - 1), 0]
                for i in range(size)
                for j in range(size)
            )
            for c in picked
        ]
        for r in picked
    ]
    poor = pick.apply(blur.apply(image, None), None)
    np.testing.assert_allclose(poor[:, :, 0], expected, atol=1e-12)


def test_the_literatures_noise_has_deviation_30():
    image = np.full((800, 800, 3), 128, np.uint8)
    poor = apply_steps(image, drawn("noise", image, 4, 0))
    assert poor.std() * 255 == pytest.approx(30, rel=0.01)
    assert abs(np.corrcoef(poor[..., 0].ravel(), poor[..., 1].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("factor", [2, 3, 4, 8, 16])
@pytest.mark.parametrize("nyquist", [0.05, 0.2, 0.4])
def test_a_wave_at_nyquist_keeps_the_contrast_asked_for(factor, nyquist):
    sigma = mtf.fitted_sigma(nyquist, factor)
    side = 40 * factor
    wave = 0.5 + 0.5 * np.cos(math.pi / factor * (np.arange(side) - (factor - 1) / 2))
    image = np.broadcast_to(wave[None, :, None], (side, side, 1)).copy()
    blur = steps.GaussianBlur(mtf.gaussian_size(sigma), sigma, sigma)
    poor = steps.Detector(factor).apply(blur.apply(image, None), None)[20, 10:-10, 0]
    assert (poor.max() - poor.min()) / (poor.max() + poor.min()) == pytest.approx(nyquist, rel=1e-6)


def test_no_optics_can_beat_the_detector():
    with pytest.raises(UsageError, match=r"MTF at Nyquist 0\.7 is out of reach at factor 4.*below 0\.65"):
        mtf.fitted_sigma(0.7, 4)
    with pytest.raises(UsageError, match="out of reach"):
        SensorMtf(nyquist=(0.9, 0.95)).draw(numpy_generator(0), 64, 64, 4)


def test_noise_grows_with_light_as_photons_do():
    for level in (0.1, 0.8):
        light = np.full((400, 400, 1), level)
        sensor = steps.SensorNoise(1000.0, 10.0, 3).apply(light, None)
        assert sensor.mean() == pytest.approx(level, rel=0.01)
        assert sensor.var() == pytest.approx(level / 1000 + (10 / 1000) ** 2, rel=0.03)
        shot = steps.PoissonNoise(255.0, 2.0, False, 3).apply(light, None)
        assert shot.var() == pytest.approx(4 * level / 255, rel=0.03)


def test_grey_noise_is_the_same_in_all_bands():
    image = np.full((40, 40, 3), 0.5)
    for step in (steps.GaussianNoise(0.1, True, 1), steps.PoissonNoise(255.0, 1.0, True, 1)):
        noisy = step.apply(image, None)
        np.testing.assert_allclose(noisy[..., 0], noisy[..., 2])
        assert noisy[..., 0].std() > 0.01


def test_only_integers_are_clipped():
    dark = np.zeros((50, 50, 1))
    noise = steps.GaussianNoise(0.1, False, 1)
    assert noise.apply(dark, None).min() < 0
    assert noise.apply(dark, 255).min() == 0


@pytest.mark.parametrize(
    "kernel",
    [
        kernels.gaussian(21, 3, 1, 0.4),
        kernels.generalised(21, 3, 1, 0.4, 0.6),
        kernels.plateau(21, 3, 1, 0.4, 1.5),
        kernels.sinc(13, 1.2),
        kernels.motion(9.5, 0.7),
    ],
)
def test_kernels_sum_to_one_about_their_centre(kernel):
    offsets = np.arange(len(kernel)) - (len(kernel) - 1) / 2
    assert kernel.sum() == pytest.approx(1)
    assert abs((kernel * offsets).sum()) < 1e-9
    assert abs((kernel * offsets[:, None]).sum()) < 1e-9


def test_a_stretched_gaussian_points_where_it_is_told():
    offsets = np.arange(41) - 20
    x, y = np.meshgrid(offsets, offsets)
    kernel = kernels.gaussian(41, 4, 1.5, 0.5)
    along = math.cos(0.5) * x + math.sin(0.5) * y
    across = math.cos(0.5) * y - math.sin(0.5) * x
    assert (kernel * along**2).sum() == pytest.approx(16, rel=1e-3)
    assert (kernel * across**2).sum() == pytest.approx(2.25, rel=1e-3)


def test_the_sinc_kernel_passes_below_its_cutoff_and_stops_above():
    kernel = kernels.sinc(61, 1.0)
    offsets = np.arange(61) - 30
    low, high = ((kernel.sum(0) * np.cos(w * offsets)).sum() for w in (0.5, 2.0))
    assert low == pytest.approx(1, abs=0.1)
    assert high == pytest.approx(0, abs=0.1)


def test_the_random_chain_draws_all_it_says_within_its_ranges():
    seen: dict[str, list[steps.Step]] = {}
    for seed in range(400):
        for step in chain.RandomChain(first_blur=chain.BlurRange(motion=0.1)).draw(numpy_generator(seed), 192, 160, 4):
            seen.setdefault(step.kind, []).append(step)
    assert set(seen) == set(steps.KINDS) - {"subsample", "detector", "sensor noise"}
    assert all(
        0.2 <= s.sigma_x <= 3 for kind in ("gaussian blur", "generalised blur", "plateau blur") for s in seen[kind]
    )
    assert {step.quality for step in seen["jpeg"]} >= {30, 95}
    assert all(1 / 255 <= step.sigma <= 30 / 255 for step in seen["gaussian noise"])
    assert {step.kernel for step in seen["resize"]} == {"box", "linear", "bicubic"}
    assert any(step.sigma_x != step.sigma_y for step in seen["gaussian blur"])
    assert any(step.sigma_x == step.sigma_y for step in seen["gaussian blur"])


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            {"step": "gausian blur"},
            "step 1 of the record: kind 'gausian blur' is not known; did you mean 'gaussian blur'",
        ),
        ({"step": "jpeg"}, r"step 1 \(jpeg\): lacks quality"),
        ({"step": "jpeg", "quality": 80, "qality": 3}, "'qality' is not known; did you mean 'quality'"),
        ({"step": "jpeg", "quality": "80"}, "quality is '80', expected int"),
        ({"step": "jpeg", "quality": True}, "quality is True, expected int"),
        ({"step": "motion blur", "length": float("nan"), "angle": 0.0}, "expected a finite number"),
    ],
)
def test_a_damaged_record_is_refused(entry, message):
    with pytest.raises(DataError, match=message):
        from_record([entry])


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'real-esrgan'"):
        preset("real-esrgn")


def test_the_sinc_kernel_is_smooth_at_its_centre():
    """It is cutoff * J1(cutoff r) / (2 pi r): for a small cutoff all but constant, at the centre too."""
    for cutoff in (0.05, 0.2):
        kernel = kernels.sinc(5, cutoff)
        assert kernel[2, 2] / kernel[2, 1] == pytest.approx(1 / (1 - cutoff**2 / 8), rel=1e-4)


def test_grey_photon_noise_is_the_same_in_every_band():
    image = np.random.default_rng(0).uniform(0.3, 0.6, (24, 20, 3))
    noise = PoissonNoise(photons=400, strength=1.0, grey=True, seed=3).apply(image, None) - image
    assert np.abs(noise).max() > 0.01
    np.testing.assert_allclose(noise[..., 1], noise[..., 0], atol=1e-12)
    np.testing.assert_allclose(noise[..., 2], noise[..., 0], atol=1e-12)


def test_a_jpeg_step_sees_red_as_red():
    """Luma weighs green most, blue least: a file that swapped red and blue would round other planes."""
    import cv2

    draw = np.random.default_rng(0)
    image = cv2.GaussianBlur(draw.uniform(0, 1, (32, 32, 3)), (0, 0), 2)
    image[..., 2] = draw.uniform(0, 1, (32, 32))
    whole = np.floor(image * 255 + 0.5).astype(np.uint8)
    _, data = cv2.imencode(".jpg", cv2.cvtColor(whole, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 40])
    expected = cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(np.rint(Jpeg(40).apply(image, 255) * 255).astype(np.uint8), expected)


def test_sensors_draw_each_response_with_and_without_noise_and_jpeg():
    image = image_of("uint8", 3)
    kinds = [tuple(step.kind for step in drawn("sensors", image, 4, seed)) for seed in range(200)]
    for first in ("resize", "detector", "gaussian blur"):
        found = [one for one in kinds if one[0] == first]
        assert 20 < len(found) < 120
        for step in ("gaussian noise", "jpeg"):
            assert 0.3 < np.mean([step in one for one in found]) < 0.8
    steps_drawn = [step for seed in range(200) for step in drawn("sensors", image, 4, seed)]
    qualities = [step.quality for step in steps_drawn if step.kind == "jpeg"]
    assert (min(qualities), max(qualities)) == (60, 95)


def test_optics_of_sensors_leave_what_was_asked_for_at_nyquist():
    wave = np.cos(np.pi / 4 * (np.arange(512) + 0.5 - 2))
    image = np.float32(0.5 + 0.4 * np.tile(wave, (16, 1)))[:, :, None]
    lossless = Sensors(bicubic=0, box=0, nyquist=(0.2, 0.2001), noisy=0, jpeg=NO_JPEG)
    poor = apply_steps(image, lossless.draw(numpy_generator(0, "test"), 16, 512, 4))[1, 16:-16, 0]
    assert abs(np.abs(poor - 0.5).max() - 0.4 * 0.2) < 0.005
