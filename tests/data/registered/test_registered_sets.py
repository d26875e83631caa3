"""Data sets with registered references: Ref lies on HR, by known transforms, however it was made."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
import torch
from safetensors import safe_open

from refsr.core.errors import DataError, RefsrError
from refsr.core.options.datasets import DatasetOptions
from refsr.core.window import Window
from refsr.data.augmentation import FlipRotation
from refsr.data.build import build_dataset
from refsr.data.images import read_image, write_image
from refsr.data.perturbation import parse_perturbation, perturb, perturb_recorded
from refsr.data.registered import stores
from refsr.data.sets.reference import mirrored_on, shifted, within
from refsr.data.stores.packing import pack_folder
from refsr.ops.resize import imresize
from registered_places import GAIN, KNOWN, MARGIN, OFFSET, SCALE, SIDE, bytes_of, ref_of, wide_ground, write_places

INPUTS = ("lr", "lr_up", "ref", "ref_down", "ref_weight")
INNER = slice(24, SIDE - 24)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_places(tmp_path_factory.mktemp("places"))


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


def described(root, cache, **changes) -> DatasetOptions:
    roots = {"dataroot_GT": root / "HR", "dataroot_LQ": root / "LR", "dataroot_Ref": root / "Ref"}
    given = {"mode": "reference", "lr_up": "from_lr", "ref_down": "from_ref", "register": "auto", **roots}
    return DatasetOptions(**(given | {"register_cache": cache} | changes))


def dataset(root, cache, inputs=INPUTS, **changes):
    built = build_dataset(described(root, cache, **changes), SCALE, 5)
    built.serve(inputs)
    return built


def planes_last(image) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()


def expected_ref(sample) -> np.ndarray:
    """What Ref shows where it lies on HR."""
    tints = np.array([1.0, 0.9, 0.8])
    return (planes_last(sample["hr"]) / tints * GAIN + OFFSET) * tints


@pytest.mark.parametrize("mode", ["auto", "global", "local"])
def test_ref_lies_on_hr(root, shared_cache, mode):
    plain = dataset(root, shared_cache, ("lr", "ref"), register="none")
    found = dataset(root, shared_cache, register=mode)
    for index in range(len(KNOWN)):
        before, after = plain[index], found[index]
        errors = [np.abs(planes_last(one["ref"]) - expected_ref(one))[INNER, INNER].mean() for one in (before, after)]
        assert errors[1] < 0.02 < errors[0] / 2
        weight = after["ref_weight"]
        assert weight.shape == (1, SIDE, SIDE)
        assert weight.dtype is torch.float32
        assert 0 <= weight.min() <= weight.max() <= 1
        assert weight[:, INNER, INNER].mean() > 0.9
        torch.testing.assert_close(after["hr"], before["hr"], rtol=0, atol=0)


def test_a_ref_that_lies_on_lr_stays_as_it_is(root, tmp_path):
    """To the bit, and trusted everywhere; `global` lays it on LR all the same."""
    for place in range(len(KNOWN)):
        hr = read_image(root / "HR" / f"{place}.png").astype(np.float64)
        write_image(tmp_path / "Ref" / f"{place}.png", np.rint(hr * 0.6 + 40).astype(np.uint8))
    made = dataset(root, tmp_path / "cache", dataroot_Ref=tmp_path / "Ref")
    for index in range(len(KNOWN)):
        sample = made[index]
        stored = read_image(tmp_path / "Ref" / f"{index}.png").astype(np.float32) / 255
        np.testing.assert_array_equal(planes_last(sample["ref"]), stored)
        assert torch.equal(sample["ref_weight"], torch.ones(1, SIDE, SIDE))
        (record,) = made.registered_refs.records(made.keys[index])
        assert (record["accepted"], record["as_it_lies"]) == (True, True)
    moved = dataset(root, tmp_path / "cache", dataroot_Ref=tmp_path / "Ref", register="global")
    assert not moved.registered_refs.records("0")[0]["as_it_lies"]


def test_what_is_too_small_to_compare_is_taken_as_it_lies(root, tmp_path):
    for kind, side in (("HR", 32), ("LR", 8), ("Ref", 32)):
        image = read_image(root / kind / "0.png")
        write_image(tmp_path / kind / "0.png", np.ascontiguousarray(image[:side, :side]))
    made = dataset(tmp_path, tmp_path / "cache")
    plain = dataset(tmp_path, tmp_path / "cache", register="none")
    assert all(torch.equal(made[0][name], plain[0][name]) for name in INPUTS)
    assert "too small to compare" in made.registered_refs.records("0")[0]["reasons"][0]


def test_what_ref_does_not_cover_has_no_weight(root, shared_cache):
    """Of place 2, Ref was moved by 12 pixels: HR's last columns lie outside."""
    sample = dataset(root, shared_cache)[2]
    assert not sample["ref_weight"][0, :, SIDE - 9 :].any()
    assert sample["ref_weight"][0, INNER, SIDE - 40 : SIDE - 20].mean() > 0.5


def test_crops_are_cut_from_the_registered_whole(root, shared_cache):
    for inputs in (INPUTS, INPUTS[:-1]):
        made = dataset(root, shared_cache, inputs)
        for index, window in ((0, Window(0, 0, 64, 64)), (1, Window(36, 92, 32, 48)), (2, Window(128, 128, 64, 64))):
            whole, crop = made[index], made.at(index, window)
            for name in set(inputs) - {"lr"}:
                part = whole[name][:, window.top : window.bottom, window.left : window.right]
                torch.testing.assert_close(crop[name], part, atol=2e-6, rtol=0)


@pytest.mark.parametrize("turn", [FlipRotation(True), FlipRotation(False, True, True), FlipRotation(True, True, True)])
def test_the_weight_is_flipped_and_rotated_with_ref(root, shared_cache, turn):
    made, window = dataset(root, shared_cache), Window(64, 128, 64, 64)
    plain, turned = made.at(2, window), made.at(2, window, turn)
    assert not torch.equal(plain["ref_weight"], turned["ref_weight"])
    for name in ("ref", "ref_weight", "hr"):
        np.testing.assert_array_equal(planes_last(turned[name]), turn.apply(planes_last(plain[name])))


def test_without_a_weight_input_ref_is_blended_into_upsampled_lr(root, shared_cache):
    weighted = dataset(root, shared_cache)
    blended = dataset(root, shared_cache, INPUTS[:-1])
    for index in range(len(KNOWN)):
        known, found = weighted[index], blended[index]
        assert "ref_weight" not in found
        weight = planes_last(known["ref_weight"])
        up = np.clip(imresize(planes_last(known["lr"]), SCALE), 0, 1)
        wanted = weight * planes_last(known["ref"]) + (1 - weight) * up
        np.testing.assert_allclose(planes_last(found["ref"]), wanted, atol=1e-6)
        down = np.clip(imresize(imresize(wanted, f"1/{SCALE}"), SCALE), 0, 1)
        np.testing.assert_allclose(planes_last(found["ref_down"]), down, atol=3e-6)


def test_a_plain_set_gives_a_network_with_weights_full_trust(root, shared_cache):
    sample = dataset(root, shared_cache, register="none")[0]
    assert torch.equal(sample["ref_weight"], torch.ones(1, SIDE, SIDE))
    assert torch.equal(sample["ref"], dataset(root, shared_cache, ("lr", "ref"), register="none")[0]["ref"])


def test_another_places_ref_is_refused_and_upsampled_lr_takes_its_place(root, tmp_path):
    """Ref of place 1 beside HR and LR of place 0."""
    for name in ("HR", "LR"):
        write_image(tmp_path / name / "0.png", read_image(root / name / "0.png"))
    write_image(tmp_path / "Ref" / "0.png", read_image(root / "Ref" / "1.png"))
    made = dataset(tmp_path, tmp_path / "cache", INPUTS[:-1])
    sample = made[0]
    assert torch.equal(sample["ref"], sample["lr_up"])
    (record,) = made.registered_refs.records("0")
    assert not record["accepted"]
    assert record["reasons"]
    weighted = dataset(tmp_path, tmp_path / "cache")[0]
    assert not weighted["ref_weight"].any()


def test_the_record_holds_the_known_transform(root, shared_cache):
    made = dataset(root, shared_cache)
    for index, (turn, scale, *_) in enumerate(KNOWN):
        (record,) = made.registered_refs.records(made.keys[index])
        assert record["accepted"]
        assert abs(record["turn"]) == pytest.approx(abs(turn), abs=0.2)
        assert record["scale"] == pytest.approx(scale, abs=0.01)
        assert record["likeness"] > record["likeness_before"]


@pytest.mark.parametrize("moved", [True, False])
def test_holes_of_a_ref_are_filled_and_have_no_weight(root, tmp_path, moved):
    """Where Ref is moved, and where it lies on LR and would else stay as it is."""
    for kind in ("HR", "LR"):
        write_image(tmp_path / kind / "1.npy", read_image(root / kind / "1.png").astype(np.float32) / 255)
    ref = read_image(root / ("Ref" if moved else "HR") / "1.png").astype(np.float32) / 255
    ref[80:110, 60:100] = np.nan
    write_image(tmp_path / "Ref" / "1.npy", ref)
    with pytest.raises(DataError, match="not finite"):
        dataset(tmp_path, tmp_path / "cache", register="none")[0]
    sample = dataset(tmp_path, tmp_path / "cache")[0]
    assert sample["ref"].isfinite().all()
    assert not sample["ref_weight"][0, 88:102, 70:90].any()
    assert sample["ref_weight"].mean() > 0.5


def test_values_of_16_bits_are_registered_by_their_range(root, tmp_path):
    """As 8-bit images with the same content are: the same transform, to rounding."""
    for kind in ("HR", "LR", "Ref"):
        write_image(tmp_path / kind / "0.png", read_image(root / kind / "0.png").astype(np.uint16) * 16)
    with pytest.raises(DataError, match="declare range"):
        dataset(tmp_path, tmp_path / "cache")
    deep = dataset(tmp_path, tmp_path / "cache", range=[0, 255 * 16])[0]
    flat = dataset(root, tmp_path / "cache")[0]
    np.testing.assert_allclose(deep["ref"].numpy(), flat["ref"].numpy(), atol=0.6 / 255)
    np.testing.assert_allclose(deep["ref_weight"].numpy(), flat["ref_weight"].numpy(), atol=2 / 255)


def test_other_bands_than_lr_cannot_be_blended(root, tmp_path):
    for place in range(len(KNOWN)):
        grey = read_image(root / "Ref" / f"{place}.png")[:, :, :1]
        write_image(tmp_path / "Ref" / f"{place}.png", np.ascontiguousarray(grey))
    given = {"dataroot_Ref": tmp_path / "Ref"}
    assert dataset(root, tmp_path / "cache", **given)[0]["ref"].shape[0] == 1
    with pytest.raises(DataError, match="Ref has 1 bands and LR 3: they cannot be blended"):
        dataset(root, tmp_path / "cache", INPUTS[:-1], **given)[0]


# The cache.


def files(cache) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in cache.iterdir()}


def counted(monkeypatch) -> list[object]:
    """Counts registrations from here on."""
    calls: list[object] = []
    real = stores.registered_ref
    monkeypatch.setattr(stores, "registered_ref", lambda *given: (calls.append(given[-1]), real(*given))[1])
    return calls


def test_each_pair_is_registered_once(root, tmp_path, monkeypatch):
    calls = counted(monkeypatch)
    first = dataset(root, tmp_path)
    samples = [first[index] for index in range(len(first))]
    assert calls == ["0", "1", "2"]
    first[0, 3], first[1, 4]
    again = dataset(root, tmp_path)
    for sample, other in zip(samples, (again[index] for index in range(len(again))), strict=True):
        assert all(torch.equal(sample[name], other[name]) for name in INPUTS)
    assert calls == ["0", "1", "2"]


def test_the_cache_knows_what_it_was_made_from(root, tmp_path, monkeypatch):
    calls = counted(monkeypatch)
    cache = tmp_path / "cache"
    dataset(root, cache)[0]
    dataset(root, cache, register="global")[0]
    assert len(calls) == len(files(cache)) == 2
    for kind in ("LR", "Ref"):
        other = tmp_path / kind
        for name in ("HR", "LR", "Ref"):
            image = read_image(root / name / "0.png").copy()
            image[5, 5] ^= name == kind
            write_image(other / name / "0.png", image)
        dataset(other, cache)[0]
    assert len(calls) == 4
    dataset(root, cache)[0]
    assert len(calls) == 4
    monkeypatch.setattr("refsr.data.registered.cache.registration_version", lambda: "another")
    dataset(root, cache)[0]
    assert len(calls) == 5


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "gone"])
def test_a_damaged_cache_file_is_made_again(root, tmp_path, damage):
    whole = dataset(root, tmp_path)[1]
    ((name, content),) = files(tmp_path).items()
    broken = bytearray(content)
    broken[len(broken) // 2] ^= 4
    changed = {"cut": content[: len(content) // 2], "flipped": bytes(broken), "empty": b"", "gone": None}[damage]
    if changed is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(changed)
    sample = dataset(root, tmp_path)[1]
    assert files(tmp_path) == {name: content}
    assert all(torch.equal(sample[member], whole[member]) for member in INPUTS)


def test_the_cache_lies_where_the_user_keeps_caches_unless_it_is_named(root, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    made = dataset(root, None)
    made[0]
    assert [file.suffix for file in (tmp_path / "home" / "refsr" / "registered").iterdir()] == [".safetensors"]
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RefsrError, match=f"{tmp_path / 'file'}"):
        dataset(root, tmp_path / "file")[0]


def _registers(root, cache) -> None:
    torch.set_num_threads(1)
    made = dataset(root, cache)
    for index in range(len(made)):
        made[index]


def test_processes_that_register_at_once_leave_one_result(root, tmp_path):
    alone = tmp_path / "alone"
    _registers(root, alone)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_registers, args=(root, tmp_path / "shared")) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert files(tmp_path / "shared") == files(alone)


def test_stores_and_folders_give_one_result(root, tmp_path, shared_cache, monkeypatch):
    plain = dataset(root, shared_cache)[2]
    for kind in ("HR", "LR", "Ref"):
        pack_folder(root / kind, tmp_path / f"{kind}.lmdb")
    calls = counted(monkeypatch)
    roots = {"dataroot_GT": "HR", "dataroot_LQ": "LR", "dataroot_Ref": "Ref"}
    packed = dataset(root, shared_cache, **{key: tmp_path / f"{kind}.lmdb" for key, kind in roots.items()})[2]
    assert all(torch.equal(packed[name], plain[name]) for name in INPUTS)
    assert calls == []


# Perturbed, wrong and missing references.


def test_a_ref_is_perturbed_before_it_is_registered(root, shared_cache):
    """A registration takes a shift of some pixels back, where it would else remain."""
    made, plain = dataset(root, shared_cache), dataset(root, shared_cache, ("lr", "ref"), register="none")
    shift = parse_perturbation("shift:6")
    sample, records = perturb_recorded(made, 1, shift, 3)
    raw = perturb(plain, 1, shift, 3)
    assert not torch.equal(raw["ref"], plain[1]["ref"])
    error = np.abs(planes_last(sample["ref"]) - expected_ref(sample))[INNER, INNER]
    assert np.mean(error[planes_last(sample["ref_weight"])[INNER, INNER, 0] > 0.5]) < 0.02
    right, down = KNOWN[1][2:]
    moved = [np.hypot(right + 6 * x, down + 6 * y) for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    assert min(abs(records[0]["shift"] - length) for length in moved) < 0.3
    assert made.registered_refs.records("1")[0]["shift"] == pytest.approx(np.hypot(right, down), abs=0.3)
    blended = dataset(root, shared_cache, INPUTS[:-1])
    known = perturb(blended, 1, shift, 3)
    np.testing.assert_allclose(
        planes_last(known["ref_down"]),
        np.clip(imresize(imresize(planes_last(known["ref"]), f"1/{SCALE}"), SCALE), 0, 1),
        atol=3e-6,
    )


def test_swap_and_blank_are_refused(root, shared_cache):
    made = dataset(root, shared_cache, INPUTS[:-1])
    for word in ("swap", "blank"):
        sample, records = perturb_recorded(made, 0, parse_perturbation(word), 0)
        assert [record["accepted"] for record in records] == [False]
        assert torch.equal(sample["ref"], sample["lr_up"])


def test_change_and_clouds_lose_the_weight_where_they_lie(root, shared_cache):
    made = dataset(root, shared_cache)
    for word in ("change:20", "clouds:20"):
        sample = perturb(made, 1, parse_perturbation(word), 0)
        error = np.abs(planes_last(sample["ref"]) - expected_ref(sample)).mean(axis=2)
        weight = planes_last(sample["ref_weight"])[:, :, 0]
        assert weight[error > 0.15].mean() < 0.5 * weight[error < 0.03].mean()


def faulty(root, cache, register="auto", inputs=INPUTS, wrong=0.25, missing=0.25):
    return dataset(root, cache, inputs, register=register, ref_wrong=wrong, ref_missing=missing, GT_size=64)


@pytest.mark.parametrize("register", ["auto", "none"])
def test_wrong_and_missing_references_are_mixed_in(root, shared_cache, register):
    made = faulty(root, shared_cache, register)
    clean = dataset(root, shared_cache, register=register, GT_size=64)
    counts = {"missing": 0, "wrong": 0, "right": 0}
    for draw in range(200):
        index = draw % 3
        sample, right = made[index, draw], clean[index, draw]
        assert torch.equal(sample["hr"], right["hr"])
        assert torch.equal(sample["lr"], right["lr"])
        if torch.equal(sample["ref"], right["ref"]) and torch.equal(sample["ref_weight"], right["ref_weight"]):
            counts["right"] += 1
        elif torch.equal(sample["ref"], sample["lr_up"]):
            counts["missing"] += 1
            assert not sample["ref_weight"].any()
        else:
            counts["wrong"] += 1
            window, _ = made._cut(made._whole(index), index, draw)
            others = [clean.at(other, window) for other in range(3) if other != index]
            assert any(torch.equal(sample["ref"], other["ref"]) for other in others)
            assert any(torch.equal(sample["ref_weight"], other["ref_weight"]) for other in others)
    assert counts["missing"] == pytest.approx(50, abs=18)
    assert counts["wrong"] == pytest.approx(50, abs=18)


def test_faults_depend_on_seed_index_and_draw_alone(root, shared_cache):
    first, again = (faulty(root, shared_cache) for _ in range(2))
    order = [(draw % 3, draw) for draw in range(20)]
    backwards = {item: again[item] for item in reversed(order)}
    for item in order:
        assert all(torch.equal(first[item][name], backwards[item][name]) for name in INPUTS)


def test_whole_images_have_no_faults(root, shared_cache):
    made, clean = faulty(root, shared_cache, wrong=0.5, missing=0.5), dataset(root, shared_cache)
    for index in range(3):
        assert torch.equal(made[index]["ref"], clean[index]["ref"])


def test_a_wrong_ref_of_a_smaller_place_is_mirrored_on(root, tmp_path):
    for name, side in (("0", SIDE), ("1", 96)):
        for kind, ratio in (("HR", 1), ("LR", SCALE), ("Ref", 1)):
            image = read_image(root / kind / f"{name}.png")
            write_image(tmp_path / kind / f"{name}.png", np.ascontiguousarray(image[: side // ratio, : side // ratio]))
    made = dataset(tmp_path, tmp_path / "cache", register="none", ref_wrong=1.0)
    whole = read_image(tmp_path / "Ref" / "1.png").astype(np.float32) / 255
    wanted = np.pad(whole, ((0, SIDE - 96), (0, SIDE - 96), (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(planes_last(made[0, 1]["ref"]), wanted)


def test_ref_shift_moves_half_of_the_references_and_nothing_else(root, shared_cache):
    made = dataset(root, shared_cache, register="none", ref_shift=3.0, GT_size=64)
    clean = dataset(root, shared_cache, register="none", GT_size=64)
    still, lengths = 0, []
    for draw in range(60):
        sample, right = made[draw % 3, draw], clean[draw % 3, draw]
        assert all(torch.equal(sample[name], right[name]) for name in ("hr", "lr", "ref_weight"))
        if torch.equal(sample["ref"], right["ref"]):
            still += 1
            continue
        lengths.append(np.hypot(*made.faults.drawn_shift(made.seed, draw, draw % 3)))
        again = dataset(root, shared_cache, register="none", ref_shift=3.0, GT_size=64)
        assert torch.equal(again[draw % 3, draw]["ref"], sample["ref"])
    assert still == pytest.approx(30, abs=12)
    assert 2 < max(lengths) <= 3
    assert min(lengths) < 1


def test_a_shifted_reference_shows_what_lay_further_right_and_down():
    """Whole pixels exactly, mirrored beyond the borders; fractions as a wave says."""
    rows, columns = np.mgrid[:40, :50].astype(np.float32)
    wave = (0.5 + 0.3 * np.sin(0.3 * columns + 0.2 * rows))[:, :, None]
    ref = mirrored_on(within(wave), 40, 50)
    window = Window(8, 0, 30, 40)
    np.testing.assert_allclose(shifted(ref, 3, -2)(window), ref(Window(6, 3, 30, 40)), atol=1e-6)
    found = shifted(ref, 0.375, 1.25)(Window(8, 8, 20, 20))[:, :, 0]
    expected = 0.5 + 0.3 * np.sin(0.3 * (columns + 0.375) + 0.2 * (rows + 1.25))
    np.testing.assert_allclose(found, expected[8:28, 8:28], atol=2e-3)


# Several references of one place.


@pytest.fixture(scope="module")
def several(root, tmp_path_factory):
    """A second reference of each place, moved otherwise; each is covered by a cloud on another side."""
    folder = tmp_path_factory.mktemp("several")
    for place in range(len(KNOWN)):
        for kind, third, known in (
            ("a", slice(None, SIDE // 3), None),
            ("b", slice(-SIDE // 3, None), (-2, 1.02, 5, 6)),
        ):
            image = bytes_of(ref_of(place, known))
            image[:, third] = 240
            write_image(folder / kind / f"{place}.png", image)
    return folder


def test_of_several_references_each_counts_where_it_can_be_trusted(root, several, shared_cache):
    both = dataset(root, shared_cache, dataroot_Ref=[several / "a", several / "b"])
    alone = [dataset(root, shared_cache, dataroot_Ref=several / kind) for kind in ("a", "b")]
    for index in range(len(KNOWN)):
        sample = both[index]
        weight = planes_last(sample["ref_weight"])[:, :, 0]
        single = [float(one[index]["ref_weight"].mean()) for one in alone]
        assert weight.mean() > 1.2 * max(single) > 0
        trusted = weight > 0.9
        error = np.abs(planes_last(sample["ref"]) - expected_ref(sample)).mean(axis=2)
        assert error[trusted].mean() < 0.02
        records = both.registered_refs.records(both.keys[index])
        assert len(records) == 2
        with safe_open(both.registered_refs.file(both.keys[index]), framework="numpy") as opened:
            used = opened.get_tensor("used")[:, :, 0]
        assert set(np.unique(used)) <= {0, 1, 2}
        assert (used[30:-30, -50:-20] == 1).mean() > 0.8
        assert (used[30:-30, 20:50] == 2).mean() > 0.8
        assert records[0]["used"] == pytest.approx((used == 1).mean(), abs=1e-4)


def test_references_of_other_places_are_named(root, several, tmp_path, shared_cache):
    write_image(tmp_path / "b" / "0.png", read_image(several / "b" / "0.png"))
    with pytest.raises(DataError, match="references do not pair by name"):
        dataset(root, shared_cache, dataroot_Ref=[several / "a", tmp_path / "b"])


def test_a_registered_ref_may_be_larger_than_hr(root, tmp_path):
    """A reference of 40 pixels more on each side, on HR's pixel size."""
    room = 40
    cut = slice(MARGIN - room, MARGIN + SIDE + room)
    for place in range(len(KNOWN)):
        write_image(tmp_path / "Ref" / f"{place}.png", bytes_of(GAIN * wide_ground(place)[cut, cut] + OFFSET))
    made = dataset(root, tmp_path / "cache", dataroot_Ref=tmp_path / "Ref")
    for index in range(len(KNOWN)):
        sample = made[index]
        error = np.abs(planes_last(sample["ref"]) - expected_ref(sample))
        assert error.mean() < 0.02
        assert sample["ref_weight"].mean() > 0.9
