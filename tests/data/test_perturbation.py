"""A perturbed reference is perturbed in the way that is said, by as much, and nothing else of the sample changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from refsr.core.errors import DataError, UsageError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.build import build_dataset
from refsr.data.images import write_image
from refsr.data.perturbation import AMOUNTS, parse_cube_perturbation, parse_perturbation, perturb
from refsr.data.reference_perturbations import PERTURBATIONS
from refsr.data.sample import MEMBERS
from refsr.ops.resize import imresize

TEXTS = (
    "swap", "blank", "shift:5", "rotate:7.5", "scale:6", "down:4", "recolour", "recolour:40", "haze:30", "clouds:25",
    "change:50",
)  # fmt: skip
DRAWS = {"shift": 4, "recolour": 12, "haze": 12, "clouds": 12, "change": 12}
"""How many of twelve seeds give another image; one where nothing is drawn."""
RECOLOURED = ("recolour:10", "recolour:50", "recolour")
SIZES = ((64, 48), (64, 48), (40, 56))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    draw = np.random.default_rng(3)
    for i, (height, width) in enumerate(SIZES):
        for kind in ("HR", "Ref", "Ref_DUX4"):
            image = np.clip(imresize(draw.random((height // 4, width // 4, 3)), 4), 0, 1)
            write_image(folder / kind / f"{i}.npy", image.astype(np.float32))
    return folder


@pytest.fixture(scope="module")
def files(root):
    return built(root, dataroot_Ref_DUX4=root / "Ref_DUX4")


@pytest.fixture(scope="module")
def derived(root):
    return built(root, ref_down="from_ref")


def built(root, **more):
    options = DatasetOptions(
        mode="reference", dataroot_GT=root / "HR", dataroot_Ref=root / "Ref", lr="from_hr", lr_up="from_lr", **more
    )
    return build_dataset(options, 4, 0)


def planes(image: torch.Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()


@pytest.mark.parametrize("text", TEXTS)
def test_all_but_the_reference_is_as_it_was(files, text):
    for index in range(len(files)):
        plain, perturbed = files[index], perturb(files, index, parse_perturbation(text), 0)
        assert plain.keys() == perturbed.keys()
        for member in set(MEMBERS) & plain.keys():
            assert perturbed[member].shape == plain[member].shape
            assert perturbed[member].dtype is torch.float32
            assert perturbed[member].is_contiguous() or text == "swap"
            assert 0 <= perturbed[member].min() <= perturbed[member].max() <= 1
            assert torch.equal(perturbed[member], plain[member]) == (member not in ("ref", "ref_down"))


@pytest.mark.parametrize("text", [text for text in TEXTS if text != "swap"])
def test_the_blurred_reference_is_made_from_the_perturbed_one(files, text):
    perturbed = perturb(files, 0, parse_perturbation(text), 0)
    expected = np.clip(imresize(imresize(planes(perturbed["ref"]), "1/4"), 4), 0, 1)
    np.testing.assert_array_equal(planes(perturbed["ref_down"]), expected)


@pytest.mark.parametrize("text", TEXTS)
def test_seed_and_index_decide_all(files, text):
    how = parse_perturbation(text)
    perturb(files, 1, how, 0)
    once, again = (perturb(files, 0, how, 0)["ref"] for _ in range(2))
    assert torch.equal(once, again)
    drawn = {perturb(files, 0, how, seed)["ref"].numpy().tobytes() for seed in range(12)}
    assert len(drawn) == DRAWS.get(how.kind, 1)


def test_swap_gives_the_next_places_files(files):
    perturbed, other = perturb(files, 0, parse_perturbation("swap"), 0), files[1]
    assert torch.equal(perturbed["ref"], other["ref"])
    assert torch.equal(perturbed["ref_down"], other["ref_down"])
    assert perturbed["name"] == "0"
    last, first = perturb(files, 2, parse_perturbation("swap"), 0), files[0]
    # 64x48 cut to 40 rows; 48 columns mirrored on to 56.
    assert torch.equal(last["ref"][:, :, :48], first["ref"][:, :40])
    assert torch.equal(last["ref"][:, :, 48:], first["ref"][:, :40, 40:].flip(-1))


def test_blank_is_one_colour_the_mean(files):
    perturbed, plain = perturb(files, 0, parse_perturbation("blank"), 0), files[0]
    assert torch.allclose(perturbed["ref"], plain["ref"].mean((1, 2), keepdim=True).expand(3, 64, 48), atol=1e-6)
    assert torch.allclose(perturbed["ref_down"], perturbed["ref"], atol=1e-6)


@pytest.mark.parametrize("pixels", [1, 5, 47])
def test_shift_moves_by_exactly_that(files, pixels):
    plain = files[0]["ref"]
    sides = set()
    for seed in range(12):
        moved = perturb(files, 0, parse_perturbation(f"shift:{pixels}"), seed)["ref"]
        expected = {
            "right": (moved[:, :, pixels:], plain[:, :, :-pixels]),
            "left": (moved[:, :, :-pixels], plain[:, :, pixels:]),
            "down": (moved[:, pixels:], plain[:, :-pixels]),
            "up": (moved[:, :-pixels], plain[:, pixels:]),
        }
        (side,) = [name for name, pair in expected.items() if torch.equal(*pair)]
        sides.add(side)
    assert sides == {"right", "left", "down", "up"}


def test_rotation_turns_about_the_centre(files):
    plain = files[0]["ref"]
    assert torch.allclose(perturb(files, 0, parse_perturbation("rotate:0"), 0)["ref"], plain, atol=1e-6)
    half = perturb(files, 0, parse_perturbation("rotate:180"), 0)["ref"]
    assert torch.allclose(half, plain.flip((1, 2)), atol=1e-5)
    quarter = perturb(files, 0, parse_perturbation("rotate:90"), 0)["ref"]
    # Of 64x48, the middle 48x48 stays inside.
    assert torch.allclose(quarter[:, 8:56], torch.rot90(plain[:, 8:56], 1, (1, 2)), atol=1e-5)
    slightly = perturb(files, 0, parse_perturbation("rotate:2"), 0)["ref"]
    centre, edge = (slice(None), slice(28, 36), slice(20, 28)), (slice(None), slice(0, 8), slice(0, 8))
    assert (slightly[centre] - plain[centre]).abs().mean() < 0.5 * (slightly[edge] - plain[edge]).abs().mean()


def test_down_leaves_only_what_a_coarser_camera_saw(files):
    plain = files[0]["ref"]
    perturbed = perturb(files, 0, parse_perturbation("down:8"), 0)["ref"]
    expected = np.clip(imresize(imresize(planes(plain), "1/8"), 8), 0, 1)
    np.testing.assert_allclose(planes(perturbed), expected, atol=1e-6)
    odd = perturb(files, 0, parse_perturbation("down:5"), 0)["ref"]
    lost = [float((one - plain).square().mean()) for one in (odd, perturbed)]
    assert 0 < lost[0] < lost[1]


def test_recolour_changes_colours_and_keeps_edges(files):
    plain = planes(files[0]["ref"])
    offs = []
    for seed in range(8):
        perturbed = planes(perturb(files, 0, parse_perturbation("recolour"), seed)["ref"])
        offs.append(np.abs(perturbed.mean((0, 1)) - plain.mean((0, 1))).max())
        for band in range(3):
            assert np.corrcoef(perturbed[..., band].ravel(), plain[..., band].ravel())[0, 1] > 0.6
    assert np.mean(offs) > 0.05


def test_recolour_grows_with_its_amount(files):
    plain = files[0]["ref"]
    offs = [(perturb(files, 0, parse_perturbation(text), 0)["ref"] - plain).abs().mean() for text in RECOLOURED]
    assert 0 < offs[0] < offs[1] < offs[2]
    assert parse_perturbation("recolour") == parse_perturbation("recolour:100")


@pytest.mark.parametrize("amount", [0.0, 1.0, 5.0])
def test_every_part_of_recolour_shrinks_with_its_amount(amount):
    """Pure colours show how much bands mix: at most 30 percent of each, times the amount."""
    pure = np.eye(3, dtype=np.float32)[None]
    for seed in range(8):
        perturbed = PERTURBATIONS["recolour"](pure, amount, np.random.default_rng(seed))
        # Gain, mixing and offset change a value of 1 by 0.42, 0.3 and 0.1 at most.
        assert np.abs(perturbed - pure).max() <= 0.85 * amount / 100 + 1e-6


def test_scale_enlarges_about_the_centre(files):
    plain = files[0]["ref"]
    assert torch.allclose(perturb(files, 0, parse_perturbation("scale:0"), 0)["ref"], plain, atol=1e-6)
    double = perturb(files, 0, parse_perturbation("scale:100"), 0)["ref"]
    # Pixel centres of the double fall on quarters; the mean of four neighbours is near the middle pixel's own value.
    back = torch.nn.functional.avg_pool2d(double[None], 2)[0]
    assert (back - plain[:, 16:48, 12:36]).abs().mean() < 0.2 * (back - plain[:, :32, :24]).abs().mean()


def test_haze_takes_contrast_by_its_amount(files):
    plain = files[0]["ref"]
    kept = [
        float(perturb(files, 0, parse_perturbation(f"haze:{part}"), 0)["ref"].std() / plain.std()) for part in (10, 50)
    ]
    assert 0.8 < kept[0] < 1
    assert 0.4 < kept[1] < 0.65


@pytest.mark.parametrize("percent", [10, 60, 100])
def test_changed_ground_is_another_places_and_as_much_as_is_said(files, percent):
    here, there = files[0]["ref"], files[1]["ref"]
    perturbed = perturb(files, 0, parse_perturbation(f"change:{percent}"), 0)["ref"]
    changed = (perturbed != here).any(0)
    assert torch.equal(perturbed[:, changed], there[:, changed])
    assert float(changed.float().mean()) == pytest.approx(percent / 100, abs=1e-3)


def test_clouds_cover_as_much_as_is_said_and_leave_the_rest(files):
    here = files[0]["ref"]
    perturbed = perturb(files, 0, parse_perturbation("clouds:25"), 0)["ref"]
    assert float((perturbed == here).all(0).float().mean()) > 0.4
    assert 0.1 < float(((perturbed - 0.93).abs() < 0.05).all(0).float().mean()) < 0.3


def test_derived_references_are_swapped_too(derived):
    perturbed, other = perturb(derived, 0, parse_perturbation("swap"), 0), derived[1]
    assert torch.equal(perturbed["ref_down"], other["ref_down"])


@pytest.mark.parametrize("text", TEXTS)
def test_the_text_comes_back(text):
    assert str(parse_perturbation(f" {text}")) == text
    assert parse_perturbation(text).kind in AMOUNTS


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("swop", r"'swop' is no perturbation of a reference; did you mean 'swap'\?"),
        ("", r"'' is no perturbation of a reference \(known: swap, blank, shift:\.\.\."),
        ("shift", "shift takes whole pixels from 1 on, as in shift:8"),
        ("shift:0", "shift takes whole pixels"),
        ("shift:2.5", "shift takes whole pixels"),
        ("rotate:ten", "rotate takes degrees from -180 to 180"),
        ("rotate:nan", "rotate takes degrees"),
        ("rotate:400", "rotate takes degrees"),
        ("down:1", "down takes a whole factor from 2 on"),
        ("down:inf", "down takes a whole factor"),
        ("scale:200", "scale takes percent from -50 to 100"),
        ("haze", "haze takes percent from 1 to 100"),
        ("clouds:0", "clouds takes percent"),
        ("change:101", "change takes percent"),
        ("recolour:x", "recolour takes percent"),
        ("swap:2", "swap takes nothing after it"),
    ],
)
def test_unknown_texts_are_named(text, answer):
    with pytest.raises(UsageError, match=answer):
        parse_perturbation(text)


def test_what_cannot_be_perturbed_is_named(root, files, tmp_path):
    single = build_dataset(DatasetOptions(mode="single", dataroot_GT=root / "HR"), 4, 0)
    with pytest.raises(DataError, match="has no references that could be perturbed by blank"):
        perturb(single, 0, parse_perturbation("blank"), 0)
    for text in ("shift:48", "down:49"):
        with pytest.raises(DataError, match=f"{text} leaves nothing of a reference of 64x48"):
            perturb(files, 0, parse_perturbation(text), 0)
    for kind in ("HR", "Ref"):
        write_image(tmp_path / kind / "a.npy", np.zeros((8, 8, 3), np.float32))
    with pytest.raises(DataError, match="swap needs two samples, there is one"):
        perturb(built(tmp_path, ref_down="from_ref"), 0, parse_perturbation("swap"), 0)


def test_cubes_are_the_next_sample_s_or_their_mean_spectrum(root, tmp_path):
    draw = np.random.default_rng(5)
    cubes = [draw.random((height // 8, width // 8, 6), dtype=np.float32) for height, width in SIZES]
    for i, cube in enumerate(cubes):
        write_image(tmp_path / f"{i}.npy", cube)
    options = DatasetOptions(mode="hyperspectral", dataroot_GT=root / "HR", dataroot_hsi=tmp_path, lr="from_hr")
    dataset = build_dataset(options, 4, 0)
    swapped, blank = (perturb(dataset, 0, parse_cube_perturbation(text), 7) for text in ("swap", "blank"))
    assert np.array_equal(planes(swapped["hsi"]), cubes[1])
    assert np.allclose(planes(blank["hsi"]), cubes[0].mean(axis=(0, 1)), atol=1e-6)
    assert perturb(dataset, 2, parse_cube_perturbation("swap"), 7)["hsi"].shape == dataset[2]["hsi"].shape
    for sample in (swapped, blank):
        assert all(torch.equal(sample[name], dataset[0][name]) for name in ("hr", "lr"))
    with pytest.raises(UsageError, match="did you mean 'swap'"):
        parse_cube_perturbation("swop")
    with pytest.raises(DataError, match="has no references"):
        perturb(dataset, 0, parse_perturbation("swap"), 7)


def test_a_set_without_cubes_has_none_to_perturb(files):
    with pytest.raises(DataError, match="has no cubes that could be perturbed by swap"):
        perturb(files, 0, parse_cube_perturbation("swap"), 7)
