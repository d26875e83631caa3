"""UCMerced, AID and NWPU-RESISC45: splits in the published numbers, exact LR, and mistakes as one clear line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from refsr.cli.main import main
from refsr.core.errors import DataError, UsageError
from refsr.core.options.datasets import DatasetOptions
from refsr.data.build import build_dataset
from refsr.data.images import read_image, write_image
from refsr.data.prepare.derive import PrepareSettings
from refsr.data.scenes.catalogue import PARTS, SCENE_SETS, scene_set
from refsr.data.scenes.folders import find_scenes
from refsr.data.scenes.prepare import prepare_scenes
from refsr.data.scenes.split import drawn_split, listed_split
from refsr.data.stores.sets import pack_set
from refsr.ops.resize import imresize

SETTINGS = PrepareSettings(8, degradation="bicubic-uint8", lr_up_from="none")


def scene(seed: int, height: int = 256, width: int = 256) -> np.ndarray:
    rough = np.random.default_rng(seed).random((9, 9, 3))
    return (imresize(rough, size=(height, width)).clip(0, 1) * 255).astype(np.uint8)


def ucmerced(root: Path, classes: tuple[str, ...] = ("agricultural", "airplane"), count: int = 4) -> Path:
    """A few classes as UCMerced is distributed; one image lacks three columns, one has a row too many."""
    for place, name in enumerate(classes):
        for number in range(count):
            size = {(0, 1): (256, 253), (1, 2): (257, 256)}.get((place, number), (256, 256))
            file = root / "UCMerced_LandUse" / "Images" / name / f"{name}{number:02d}.tif"
            write_image(file, scene(10 * place + number, *size))
    return root / "UCMerced_LandUse"


def named(name: str, folder: Path, seed: int = 0) -> dict[str, dict[str, Path]]:
    """A whole set by names alone."""
    scenes = SCENE_SETS[name]
    return {
        one: {f"{one}_{number:03d}": folder / one / f"{one}_{number:03d}.jpg" for number in range(count)}
        for one, count in scenes.classes.items()
    }


def test_sets_are_as_large_as_published():
    sizes = {name: (len(one.classes), one.images, one.side) for name, one in SCENE_SETS.items()}
    assert sizes == {"ucmerced": (21, 2100, 256), "aid": (30, 10000, 600), "nwpu": (45, 31500, 256)}
    assert (min(SCENE_SETS["aid"].classes.values()), max(SCENE_SETS["aid"].classes.values())) == (220, 420)


@pytest.mark.parametrize(
    ("name", "counts"), [("ucmerced", (840, 210, 1050)), ("aid", (7850, 150, 2000)), ("nwpu", (2025, 225, 2250))]
)
def test_splits_have_the_published_numbers(name, counts, tmp_path):
    found, scenes = named(name, tmp_path), SCENE_SETS[name]
    split = drawn_split(scenes, found, 0, tmp_path)
    assert tuple(len(split[part]) for part in PARTS) == counts
    everything = [entry for part in PARTS for entry in split[part]]
    assert len(set(everything)) == len(everything)
    # Every class has its share of each part.
    for part in ("val", "test"):
        share = [sum(one == name for one, _ in split[part]) / size for name, size in scenes.classes.items()]
        assert max(share) - min(share) < 0.02
    assert drawn_split(scenes, found, 0, tmp_path) == split
    assert drawn_split(scenes, found, 1, tmp_path) != split


def test_the_split_depends_on_names_alone_and_stays_as_it_is(tmp_path):
    found = named("ucmerced", tmp_path)
    shuffled = {name: dict(reversed(images.items())) for name, images in reversed(found.items())}
    split = drawn_split(SCENE_SETS["ucmerced"], found, 0, tmp_path)
    assert {part: set(entries) for part, entries in split.items()} == {
        part: set(entries) for part, entries in drawn_split(SCENE_SETS["ucmerced"], shuffled, 0, tmp_path).items()
    }
    # Published numbers hang on these names: they must never change.
    assert [image for _, image in split["val"][:4]] == FIRST_OF_VAL


FIRST_OF_VAL = ["agricultural_009", "agricultural_011", "agricultural_016", "agricultural_024"]


@pytest.mark.parametrize("scale", [4, 16])
def test_files_hold_the_exact_reduction(tmp_path, scale):
    source, target = ucmerced(tmp_path), tmp_path / "out"
    settings = PrepareSettings(scale, degradation="bicubic-uint8", lr_up_from="none")
    report = prepare_scenes(source, target, settings, "ucmerced", incomplete=True)
    assert (report.images, report.made) == (8, 8)
    assert sorted(file.name for file in target.iterdir()) == sorted(
        [*PARTS, "prepare.json", *(f"{part}.txt" for part in PARTS)]
    )
    entries = json.loads((target / "prepare.json").read_text())["images"]
    assert [len([name for name in entries if name.startswith(part)]) for part in PARTS] == [2, 2, 4]
    for name, entry in entries.items():
        part, key = name.split("/", 1)
        hr, lr = (read_image(target / part / folder / f"{key}.png") for folder in ("HR", "LR"))
        original = read_image(source / "Images" / f"{key}.tif")
        assert hr.shape == (256, 256, 3)
        inside = tuple(min(256, length) for length in original.shape[:2])
        np.testing.assert_array_equal(hr[: inside[0], : inside[1]], original[: inside[0], : inside[1]])
        np.testing.assert_array_equal(lr, imresize(hr, f"1/{scale}"))
        assert entry.get("adjusted_from") == (None if original.shape == hr.shape else list(original.shape[:2]))
    assert sum("adjusted_from" in entry for entry in entries.values()) == 2


def test_missing_columns_are_mirrored(tmp_path):
    source, target = ucmerced(tmp_path), tmp_path / "out"
    prepare_scenes(source, target, SETTINGS, "ucmerced", incomplete=True)
    (file,) = target.glob("*/HR/agricultural/agricultural01.png")
    image = read_image(file)
    np.testing.assert_array_equal(image[:, 253:], image[:, 252:249:-1])


def test_aid_loses_what_a_factor_of_16_leaves_over(tmp_path):
    for number in range(1, 4):
        write_image(tmp_path / "AID" / "Bare Land" / f"bareland_{number}.jpg", scene(number, 600, 600))
    prepare_scenes(tmp_path / "AID", tmp_path / "out", PrepareSettings(16), "aid", incomplete=True)
    hr, lr = (read_image(next((tmp_path / "out" / "train" / kind / "BareLand").iterdir())) for kind in ("HR", "LR"))
    assert (hr.shape, lr.shape) == ((592, 592, 3), (37, 37, 3))


def test_nwpu_keeps_what_its_files_hold_and_grey_becomes_colour(tmp_path):
    for number in range(1, 5):
        image = scene(number)[:, :, :1] if number == 2 else scene(number)
        write_image(tmp_path / "NWPU" / "sea_ice" / f"sea_ice_{number:03d}.jpg", image)
    prepare_scenes(tmp_path / "NWPU", tmp_path / "out", SETTINGS, "nwpu", incomplete=True)
    entries = json.loads((tmp_path / "out" / "prepare.json").read_text())["images"]
    for name in entries:
        part, key = name.split("/", 1)
        file = tmp_path / "out" / part / "HR" / f"{key}.png"
        decoded = read_image(tmp_path / "NWPU" / f"{key}.jpg")
        np.testing.assert_array_equal(read_image(file), np.broadcast_to(decoded, (256, 256, 3)))


def test_a_rerun_does_what_is_missing_and_workers_change_nothing(tmp_path):
    source, target = ucmerced(tmp_path), tmp_path / "out"
    prepare_scenes(source, target, SETTINGS, "ucmerced", incomplete=True)
    whole = {file: file.read_bytes() for file in target.rglob("*") if file.is_file()}
    assert prepare_scenes(source, target, SETTINGS, "ucmerced", incomplete=True).made == 0
    next(target.glob("test/LR/airplane/*.png")).unlink()
    assert prepare_scenes(source, target, SETTINGS, "ucmerced", incomplete=True).made == 1
    prepare_scenes(source, tmp_path / "two", SETTINGS, "ucmerced", incomplete=True, workers=2)
    for file, content in whole.items():
        assert file.read_bytes() == content
        assert (tmp_path / "two" / file.relative_to(target)).read_bytes() == content
    with pytest.raises(DataError, match=r"seed was 0, now 1"):
        prepare_scenes(source, target, PrepareSettings(8, "bicubic-uint8", 1, "none"), "ucmerced", incomplete=True)


def test_lists_and_ready_splits_are_followed(tmp_path):
    source = ucmerced(tmp_path, ("river", "runway"), 3)
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "train.txt").write_text("river/river02.tif\nrunway00.tif\n\n")
    (lists / "val.txt").write_text("Images\\runway\\runway02.tif\n")
    (lists / "test.txt").write_text("river00\n")
    prepare_scenes(source, tmp_path / "listed", SETTINGS, "ucmerced", lists, incomplete=True)
    split = {part: sorted(file.stem for file in (tmp_path / "listed" / part / "LR").rglob("*.png")) for part in PARTS}
    assert split == {"train": ["river02", "runway00"], "val": ["runway02"], "test": ["river00"]}
    # A prepared set is a ready split itself, by its lists; a pack is one by its folders.
    prepare_scenes(source, tmp_path / "again", SETTINGS, "ucmerced", tmp_path / "listed", incomplete=True)
    for part in PARTS:
        (tmp_path / "listed" / f"{part}.txt").unlink()
    found = find_scenes(source, scene_set("ucmerced"), incomplete=True)
    packed = listed_split(found, tmp_path / "listed")
    assert {part: [image for _, image in entries] for part, entries in packed.items()} == split
    assert (tmp_path / "again" / "train.txt").read_text() == "river/river02.tif\nrunway/runway00.tif\n"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": "river00\nriver07"}, r"lists: train names river07, which the source lacks; did you mean 'river0"),
        ({"test": "river00"}, r"in two parts at once: river00 \(train and test\)"),
        ({"val": "\n"}, r"val\.txt: names no images"),
        ({"val": None}, r"lists: neither val\.txt nor a folder val here"),
    ],
)
def test_wrong_lists_are_one_line(tmp_path, changes, message):
    source = ucmerced(tmp_path, ("river",), 3)
    (tmp_path / "lists").mkdir()
    for part, text in ({"train": "river00", "val": "river01", "test": "river02"} | changes).items():
        if text is not None:
            (tmp_path / "lists" / f"{part}.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        prepare_scenes(source, tmp_path / "out", SETTINGS, "ucmerced", tmp_path / "lists", incomplete=True)
    assert not (tmp_path / "out").exists()


def whole_by_name(root: Path, name: str = "ucmerced") -> Path:
    """Every class and image of a set, as files that hold nothing."""
    for folder, count in SCENE_SETS[name].classes.items():
        (root / folder).mkdir(parents=True)
        for number in range(count):
            (root / folder / f"{folder}{number:02d}.tif").touch()
    return root


def test_a_set_must_be_whole(tmp_path):
    root = whole_by_name(tmp_path / "Images")
    scenes = SCENE_SETS["ucmerced"]
    assert sum(map(len, find_scenes(root, scenes).values())) == 2100
    (root / "river" / "river07.tif").unlink()
    with pytest.raises(DataError, match=r"not UCMerced as it was published: river has 99 of 100 images"):
        find_scenes(root, scenes)
    (root / "tenniscourt").rename(root / "tennis-courts")
    with pytest.raises(DataError, match=r"1 of UCMerced's 21 classes are missing: tenniscourt; is 'tennis-courts' "):
        find_scenes(root, scenes)
    assert sum(map(len, find_scenes(root, scenes, incomplete=True).values())) == 1999


def test_wrong_folders_are_one_line(tmp_path):
    source, out = ucmerced(tmp_path / "here"), tmp_path / "out"
    (tmp_path / "empty").mkdir()
    images, one_class = source / "Images", source / "Images" / "airplane"
    for given, name, message in (
        (one_class, "ucmerced", r"airplane: is one class of UCMerced; name the folder of all, .*Images$"),
        (tmp_path / "here", "ucmerced", r"no class folders of UCMerced \(agricultural, airplane, \.\.\.\) here or one"),
        (images, "nwpu", r"44 of NWPU-RESISC45's 45 classes"),
        (tmp_path / "empty", "aid", r"no class folders of AID .*; there: no folders"),
        (tmp_path / "here" / "UCMerced_LandUs", "ucmerced", r"no such folder; did you mean 'UCMerced_LandUse'"),
        (one_class / "airplane00.tif", "ucmerced", r"airplane00\.tif: is a file, not a folder"),
    ):
        with pytest.raises(DataError, match=message):
            prepare_scenes(given, out, SETTINGS, name, incomplete=name != "nwpu")
    with pytest.raises(UsageError, match="data set 'uc-merced' is not known; did you mean 'ucmerced'"):
        prepare_scenes(source, tmp_path / "out", SETTINGS, "uc-merced")
    (source / "Images" / "Airplane_").mkdir()
    with pytest.raises(DataError, match=r"Airplane_ and airplane are both the class airplane"):
        prepare_scenes(source, tmp_path / "out", SETTINGS, "ucmerced", incomplete=True)


def test_broken_images_are_one_line(tmp_path):
    source = ucmerced(tmp_path)
    file = source / "Images" / "airplane" / "airplane00.tif"
    whole = file.read_bytes()
    for content, message in (
        (b"", r"airplane00\.tif: the file is empty"),
        (b"GIF89a", r"airplane00\.tif: not a PNG, JPEG, TIFF"),
        (whole[:60], r"airplane00\.tif: .*"),
        (whole[: len(whole) // 2], r"airplane00\.tif: .*"),
    ):
        file.write_bytes(content)
        with pytest.raises(DataError, match=message) as raised:
            prepare_scenes(source, tmp_path / f"out{len(content)}", SETTINGS, "ucmerced", incomplete=True)
        assert "\n" not in str(raised.value)
    write_image(file, scene(0, 100, 100))
    with pytest.raises(DataError, match=r"is 100x100; the images of this set are 256x256"):
        prepare_scenes(source, tmp_path / "other", SETTINGS, "ucmerced", incomplete=True)


def test_training_reads_what_was_prepared_as_files_and_packed(tmp_path):
    source, target = ucmerced(tmp_path), tmp_path / "out"
    prepare_scenes(source, target, SETTINGS, "ucmerced", incomplete=True)
    pack_set(target / "train", tmp_path / "packed")
    sets = [
        build_dataset(DatasetOptions(mode="single", GT_size=64, use_flip=True, use_rot=True, **roots), 8, 3)
        for roots in (
            {"dataroot_GT": target / "train" / "HR", "dataroot_LQ": target / "train" / "LR"},
            {"dataroot_GT": tmp_path / "packed" / "HR.lmdb", "dataroot_LQ": tmp_path / "packed" / "LR.lmdb"},
            {"dataroot_GT": target / "train" / "HR", "lr": "from_hr"},
        )
    ]
    assert len({one.keys for one in sets}) == 1
    assert {key.split("/")[0] for key in sets[0].keys} == {"agricultural", "airplane"}
    for draw in range(6):
        files, packed, made = (one[1, draw] for one in sets)
        assert files["hr"].shape == (3, 64, 64)
        assert files["lr"].shape == (3, 8, 8)
        for member in ("hr", "lr"):
            assert (files[member] == packed[member]).all()
        # Files are rounded, after each axis: LR made on the way is not.
        assert 0 < (files["lr"] - made["lr"]).abs().max() < 2 / 255


def test_the_command(tmp_path, capsys):
    source = ucmerced(tmp_path)
    words = ["prepare", str(source), str(tmp_path / "out"), "--scale", "8", "--workers", "0"]
    assert main([*words, "--dataset", "ucmerced"]) == 1
    assert "19 of UCMerced's 21 classes are missing: baseballdiamond" in (said := capsys.readouterr().err)
    assert said.count("\n") == 1
    assert main([*words, "--dataset", "ucmerced", "--incomplete"]) == 0
    made, parts, lacking, adjusted = capsys.readouterr().out.splitlines()
    assert made.endswith("8 made, 0 already there, 8 in all")
    assert parts == "train 2, val 2, test 4"
    assert lacking.startswith("without 19 of UCMerced's 21 classes: baseballdiamond, beach")
    assert adjusted.startswith("2 of another size cut or mirrored to 256 x 256")
    assert json.loads((tmp_path / "out" / "prepare.json").read_text())["settings"]["degradation"] == "bicubic-uint8"
    for more, message in (
        (["--incomplete"], "--incomplete needs --dataset"),
        (["--split", "lists"], "--split needs --dataset"),
        (["--dataset", "nwpu", "--hr", "HR"], "--hr: nwpu has class folders"),
    ):
        assert main([*words, *more]) == 2
        assert message in capsys.readouterr().err
