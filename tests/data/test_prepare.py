"""Preparing data sets: what the files hold, that reruns do only what is missing, and what is refused."""

import errno
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from refsr.cli.main import main
from refsr.core import processes
from refsr.core.errors import DataError, RefsrError, UsageError
from refsr.data.degradation.levels import quantised
from refsr.data.images import read_image, write_image
from refsr.data.prepare.derive import PrepareSettings, degrade_again
from refsr.data.prepare.run import prepare
from refsr.ops.resize import imresize


def make_source(
    folder: Path, count: int = 3, side: tuple[int, int] = (50, 45), dtype: str = "uint8", bands: int = 3
) -> Path:
    generator = np.random.default_rng(0)
    for number in range(count):
        for name in ("HR", "Ref"):
            smooth = imresize(generator.random((10, 9, bands)), size=side).clip(0, 1)
            image = smooth.astype(np.float32) if dtype == "float32" else quantised(smooth, np.iinfo(dtype).max)
            write_image(folder / name / f"place{number}{'.npy' if bands > 4 or dtype == 'float32' else '.png'}", image)
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("scale", [2, 3, 4, 8, 16, 32])
def test_files_hold_what_their_folder_says(tmp_path, scale):
    source = make_source(tmp_path / "source")
    report = prepare(source, tmp_path / "out", PrepareSettings(scale))
    assert (report.images, report.made) == (3, 3)
    hr = read_image(source / "HR" / "place1.png")[: 50 // scale * scale, : 45 // scale * scale]
    ref = read_image(source / "Ref" / "place1.png")[: 50 // scale * scale, : 45 // scale * scale]
    small = imresize(hr.astype(np.float64), f"1/{scale}")

    def stored(folder: str) -> np.ndarray:
        return read_image(tmp_path / "out" / folder / "place1.png")

    np.testing.assert_array_equal(stored("HR"), hr)
    np.testing.assert_array_equal(stored("Ref"), ref)
    np.testing.assert_array_equal(stored("LR"), imresize(hr, f"1/{scale}", rounding="once"))
    np.testing.assert_array_equal(stored(f"LR_UX{scale}"), quantised(imresize(small, scale) / 255, 255))
    again = imresize(imresize(ref.astype(np.float64), f"1/{scale}"), scale)
    np.testing.assert_array_equal(stored(f"Ref_DUX{scale}"), quantised(again / 255, 255))


@pytest.mark.parametrize(
    ("dtype", "bands", "suffix"), [("uint16", 1, ".png"), ("uint16", 4, ".png"), ("float32", 6, None)]
)
def test_types_and_bands_are_kept(tmp_path, dtype, bands, suffix):
    source = make_source(tmp_path / "source", 1, dtype=dtype, bands=bands)
    prepare(source, tmp_path / "out", PrepareSettings(4, degradation="real-esrgan-lossless"))
    for folder, shape in {"HR": (48, 44), "LR": (12, 11), "LR_UX4": (48, 44), "Ref_DUX4": (48, 44)}.items():
        (file,) = (tmp_path / "out" / folder).iterdir()
        image = read_image(file)
        assert suffix is None or file.suffix == suffix
        assert image.dtype == dtype
        assert image.shape == (*shape, bands)


def test_lr_up_comes_from_where_it_is_told(tmp_path):
    source = make_source(tmp_path / "source", 1)
    for name, settings in {
        "clean": PrepareSettings(4),
        "file": PrepareSettings(4, lr_up_from="file"),
        "lossy": PrepareSettings(4, lr_up_from="file", jpeg=60),
        "published": PrepareSettings(4, jpeg=60),
    }.items():
        prepare(source, tmp_path / name, settings)
    lr = read_image(tmp_path / "file" / "LR" / "place0.png")
    enlarged = read_image(tmp_path / "file" / "LR_UX4" / "place0.png")
    np.testing.assert_array_equal(enlarged, imresize(lr, 4, rounding="once"))
    assert (enlarged != read_image(tmp_path / "clean" / "LR_UX4" / "place0.png")).any()
    # The LR file's own losses are in what was enlarged from it, and only there; both were compressed after.
    lossy_lr = read_image(tmp_path / "lossy" / "LR" / "place0.jpg").astype(float)
    from_file = read_image(tmp_path / "lossy" / "LR_UX4" / "place0.jpg")
    from_clean = read_image(tmp_path / "published" / "LR_UX4" / "place0.jpg")
    model = imresize(lossy_lr, 4)
    assert np.abs(from_file - model).mean() < np.abs(from_clean - model).mean()
    assert [file.suffix for file in (tmp_path / "lossy" / "HR").iterdir()] == [".png"]


def test_workers_change_nothing_and_draws_replay(tmp_path):
    source = make_source(tmp_path / "source", 4)
    settings = PrepareSettings(4, degradation="real-esrgan", seed=7)
    prepare(source, tmp_path / "one", settings)
    prepare(source, tmp_path / "two", settings, workers=2)
    prepare(source, tmp_path / "other", replace(settings, seed=8))
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert content(tmp_path / "one")["LR/place0.png"] != content(tmp_path / "other")["LR/place0.png"]
    entries = json.loads((tmp_path / "one" / "prepare.json").read_text())["images"]
    assert entries["place0"]["steps"] != entries["place1"]["steps"]
    for key, entry in entries.items():
        hr, lr = (read_image(tmp_path / "one" / folder / f"{key}.png") for folder in ("HR", "LR"))
        np.testing.assert_array_equal(degrade_again(hr, entry), lr)


def test_a_place_does_not_depend_on_its_neighbours(tmp_path):
    source = make_source(tmp_path / "source", 3)
    settings = PrepareSettings(4, degradation="real-esrgan")
    prepare(source, tmp_path / "all", settings)
    for folder in ("HR", "Ref"):
        (source / folder / "place0.png").unlink()
    prepare(source, tmp_path / "fewer", settings)
    assert content(tmp_path / "all")["LR/place2.png"] == content(tmp_path / "fewer")["LR/place2.png"]


def test_a_rerun_does_only_what_is_missing_damaged_or_changed(tmp_path):
    source, out, settings = make_source(tmp_path / "source", 5), tmp_path / "out", PrepareSettings(4)
    prepare(source, out, settings)
    whole = content(out)
    assert prepare(source, out, settings).made == 0
    (out / "LR" / "place0.png").unlink()
    damaged = bytearray((out / "Ref_DUX4" / "place1.png").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (out / "Ref_DUX4" / "place1.png").write_bytes(damaged)
    assert prepare(source, out, settings).made == 2
    assert content(out) == whole
    write_image(source / "HR" / "place2.png", read_image(source / "HR" / "place3.png"))
    assert prepare(source, out, settings).made == 1
    assert content(out)["LR/place2.png"] == whole["LR/place3.png"]


def test_other_settings_are_refused_by_name(tmp_path):
    source, out = make_source(tmp_path / "source", 1), tmp_path / "out"
    prepare(source, out, PrepareSettings(4))
    with pytest.raises(DataError, match=r"other settings: scale was 4, now 8; seed was 0, now 3"):
        prepare(source, out, PrepareSettings(8, seed=3))
    with pytest.raises(DataError, match=r"degradation was \"bicubic\", now \"mtf\""):
        prepare(source, out, PrepareSettings(4, degradation="mtf"))
    with pytest.raises(DataError, match="reference was true, now false"):
        prepare(source / "HR", out, PrepareSettings(4))


KILLED = """
import os, signal, sys
from pathlib import Path
from refsr.cli.main import main

renames, replace = 0, Path.replace

def counted(path, target):
    global renames
    renames += 1
    if renames == {at} and {before}:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(path, target)
    if renames == {at}:
        os.kill(os.getpid(), signal.SIGKILL)

Path.replace = counted
main(sys.argv[1:])
"""


@pytest.mark.parametrize(("at", "before"), [(1, True), (1, False), (4, True), (6, False), (7, True), (16, False)])
def test_a_kill_at_any_moment_leaves_a_folder_that_a_rerun_completes(tmp_path, at, before):
    """Files get their names one after another: the manifest, then five images a pair, then the manifest again."""
    source, out = make_source(tmp_path / "source", 3), tmp_path / "out"
    settings = PrepareSettings(4, degradation="real-esrgan")
    prepare(source, tmp_path / "whole", settings)
    words = ["prepare", source, out, "--scale", "4", "--degradation", "real-esrgan", "--workers", "0"]
    killed = subprocess.run([sys.executable, "-c", KILLED.format(at=at, before=before), *words], check=False)
    assert killed.returncode == -signal.SIGKILL
    images = {file for file in content(out) if not file.endswith((".part", "prepare.json"))}
    assert len(images) == max(0, at - 1 - before)
    prepare(source, out, settings)
    assert content(out) == content(tmp_path / "whole")


STOPPED = """
import os, signal, sys
from refsr.core import progress
from refsr.cli import prepare
from refsr.cli.main import entry

signal.signal(signal.SIGINT, signal.default_int_handler)

class Stopping(progress.NoProgressBar):
    advanced = 0

    def advance(self, parts=1, note=""):
        self.advanced += parts
        if self.advanced == 3:
            os.killpg(os.getpgid(0), signal.SIGINT)

prepare.console_progress = lambda label, total: Stopping()
entry()
"""


def test_ctrl_c_is_one_line_and_keeps_what_is_done(tmp_path):
    """Ctrl-C as a terminal sends it, to the command and its workers alike, right after the third image."""
    source, out = make_source(tmp_path / "source", 60), tmp_path / "out"
    words = [sys.executable, "-c", STOPPED, "prepare", source, out, "--scale", "4", "--degradation", "real-esrgan"]
    stopped = subprocess.run(words, capture_output=True, text=True, start_new_session=True, check=False)
    assert stopped.returncode == 130
    assert stopped.stderr.splitlines()[-1] == "refsr: stopped"
    assert "Traceback" not in stopped.stderr
    kept = json.loads((out / "prepare.json").read_text())["images"]
    assert len(kept) >= 3
    # Workers finish what they are at, and all that is finished is recorded.
    folders = ("HR", "LR", "LR_UX4", "Ref", "Ref_DUX4")
    assert [sorted(file.stem for file in (out / folder).iterdir()) for folder in folders] == [sorted(kept)] * 5
    settings = PrepareSettings(4, degradation="real-esrgan")
    assert prepare(source, out, settings).made == 60 - len(kept)
    prepare(source, tmp_path / "whole", settings)
    assert content(out) == content(tmp_path / "whole")


def test_a_full_disk_is_one_line_and_keeps_what_is_done(tmp_path, monkeypatch):
    source, out = make_source(tmp_path / "source", 3), tmp_path / "out"
    calls = []
    sync = os.fsync

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RefsrError, match="the disk is full"):
        prepare(source, out, PrepareSettings(4))
    monkeypatch.undo()
    assert prepare(source, out, PrepareSettings(4)).images == 3
    prepare(source, tmp_path / "whole", PrepareSettings(4))
    assert content(out) == content(tmp_path / "whole")


def test_one_broken_image_does_not_stop_the_others(tmp_path):
    source, out = make_source(tmp_path / "source", 3), tmp_path / "out"
    file = source / "HR" / "place1.png"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"place1\.png: .*all others are prepared"):
        prepare(source, out, PrepareSettings(4))
    assert sorted(path.stem for path in (out / "LR").iterdir()) == ["place0", "place2"]
    file.write_bytes(whole)
    assert prepare(source, out, PrepareSettings(4)).made == 1


def test_a_dead_worker_is_told(tmp_path, monkeypatch):
    source = make_source(tmp_path / "source", 2)
    monkeypatch.setattr(processes, "end_with_parent", _die)
    with pytest.raises(RefsrError, match="a worker process died"):
        prepare(source, tmp_path / "out", PrepareSettings(4), workers=2)


def _die() -> None:
    os._exit(9)


def unpaired(source: Path) -> None:
    (source / "Ref" / "place1.png").rename(source / "Ref" / "plaec1.png")


def unequal(source: Path) -> None:
    write_image(source / "Ref" / "place1.png", np.zeros((50, 44, 3), np.uint8))


def not_an_image(source: Path) -> None:
    (source / "HR" / "place1.png").write_bytes(b"no image")


def twice(source: Path) -> None:
    write_image(source / "HR" / "place1.jpg", np.zeros((50, 45, 3), np.uint8))


def empty(source: Path) -> None:
    for file in (source / "HR").iterdir():
        file.unlink()


def no_number(source: Path) -> None:
    for name in ("HR", "Ref"):
        (source / name / "place1.png").unlink()
        write_image(source / name / "place1.npy", np.full((50, 45, 3), np.nan, np.float32))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (unpaired, "do not pair; HR without Ref: place1; Ref without HR: plaec1"),
        (unequal, r"place1\.png: 50x44, 3 bands, uint8, but its HR image .* is 50x45"),
        (not_an_image, r"HR/place1\.png: not a PNG"),
        (twice, r"place1\.jpg and place1\.png would become one image"),
        (empty, "HR: no images here"),
        (no_number, r"place1\.npy: has pixels that are not finite"),
    ],
)
def test_sources_that_cannot_be_prepared_are_refused(tmp_path, damage, message):
    source = make_source(tmp_path / "source")
    damage(source)
    with pytest.raises(DataError, match=message):
        prepare(source, tmp_path / "out", PrepareSettings(4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            PrepareSettings(4, degradation="real-esrgan"),
            "degradation 'real-esrgan' needs JPEG: 8 bits.*'real-esrgan-lossless'",
        ),
        (PrepareSettings(4, jpeg=80), "JPEG quality 80 needs JPEG: 8 bits and 1 or 3 bands$"),
        (PrepareSettings(4, suffix=".png"), r"no \.png holds"),
    ],
)
def test_formats_that_cannot_hold_an_image_are_refused_before_any_work(tmp_path, settings, message):
    source = make_source(tmp_path / "source", 1, dtype="float32")
    with pytest.raises(DataError, match=rf"place0\.npy: 50x45, 3 bands, float32, .*{message}"):
        prepare(source, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_folders_are_found_and_mistakes_named(tmp_path):
    source = make_source(tmp_path / "source", 1)
    assert prepare(source / "HR", tmp_path / "bare", PrepareSettings(4)).images == 1
    assert not (tmp_path / "bare" / "Ref").exists()
    (source / "Ref").rename(source / "google_Ref")
    prepare(source, tmp_path / "named", PrepareSettings(4), ref_folders=["google_Ref"])
    assert (tmp_path / "named" / "Ref_DUX4").is_dir()
    for call, message in (
        (
            lambda: prepare(source, tmp_path / "x", PrepareSettings(4), ref_folders=["googleRef"]),
            "did you mean 'google_Ref'",
        ),
        (
            lambda: prepare(tmp_path / "sourc", tmp_path / "x", PrepareSettings(4)),
            "no such folder; did you mean 'source'",
        ),
        (lambda: prepare(source, source / "out", PrepareSettings(4)), "lies inside the source"),
        (lambda: prepare(source, source, PrepareSettings(4)), "lies inside the source"),
        (lambda: prepare(source / "HR", source, PrepareSettings(4)), "lies inside the target"),
        (lambda: prepare(source, tmp_path, PrepareSettings(4)), "not empty, and refsr prepare did not make it"),
        (lambda: prepare(source, tmp_path / "x", PrepareSettings(5)), "scale 5 is not one of 2, 3, 4"),
        (lambda: prepare(source, tmp_path / "x", PrepareSettings(4, jpeg=0)), "JPEG quality 0"),
        (
            lambda: prepare(source, tmp_path / "x", PrepareSettings(4, suffix=".jpg")),
            "suffix '.jpg' is not one of .png",
        ),
        (lambda: prepare(source, tmp_path / "x", PrepareSettings(4, lr_up_from="clen")), "did you mean 'clean'"),
        (lambda: prepare(source, tmp_path / "x", PrepareSettings(4, degradation="bicubik")), "did you mean 'bicubic'"),
    ):
        with pytest.raises((DataError, UsageError), match=message):
            call()
    assert not (tmp_path / "x").exists()


def test_the_command_tells_what_it_did(tmp_path, capsys):
    source = make_source(tmp_path / "source", 2)
    words = ["prepare", str(source), str(tmp_path / "out"), "--scale", "4", "--workers", "0"]
    assert main(words) == 0
    assert "2 made, 0 already there, 2 in all" in capsys.readouterr().out
    assert main([*words, "--seed", "1"]) == 1
    assert "seed was 0, now 1" in capsys.readouterr().err
    assert main(["prepare", str(source)]) == 2


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize(
    ("published", "ref", "lr_up", "ref_down"),
    [("rrssrd/val_1st", "google_Ref", 48.7, 48.6), ("kagglesrd/val_1", "Ref", 42.1, 42.6)],
)
def test_the_published_sets_come_out_again(shared, tmp_path, published, ref, lr_up, ref_down):
    """What differs is their JPEG compression; a wrong kernel, border or source scores 10 dB less."""
    folder = shared / "data" / published
    for number, file in enumerate(sorted((folder / "HR").iterdir())):
        if number < 3:
            for name in ("HR", ref):
                write_image(tmp_path / "source" / name / f"{file.stem}.png", read_image(folder / name / file.name))
    prepare(tmp_path / "source", tmp_path / "out", PrepareSettings(4), ref_folders=() if ref is None else [ref])
    for ours, theirs, expected in (("LR_UX4", "LR_UX4", lr_up), ("Ref_DUX4", f"{ref}_DUX4", ref_down)):
        scores = [
            psnr(read_image(file), read_image(folder / theirs / f"{file.stem}.jpg"))
            for file in (tmp_path / "out" / ours).iterdir()
        ]
        assert np.mean(scores) == pytest.approx(expected, abs=0.4)


def test_kagglesrds_lr_is_pillows_bicubic_and_jpeg(shared):
    """So its LR files hold JPEG losses that its LR_UX4 files do not."""
    pillow = pytest.importorskip("PIL.Image", reason="Pillow made these files; nothing of ours needs it")
    import io

    folder = shared / "data" / "kagglesrd" / "val_1"
    files = sorted((folder / "HR").iterdir())[:3]
    assert len(files) == 3
    for file in files:
        small = pillow.fromarray(read_image(file)).resize((120, 120), pillow.BICUBIC)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=75)
        ours = np.asarray(pillow.open(io.BytesIO(buffer.getvalue())))
        theirs = np.asarray(pillow.open(folder / "LR" / file.name))
        np.testing.assert_array_equal(ours, theirs)
        clean = imresize(read_image(file), "1/4", rounding="once")
        inner = slice(2, -2)
        # Pillow rounds and clips after its first axis, so some pixels are off; its borders are another thing.
        assert psnr(np.asarray(small)[inner, inner], clean[inner, inner]) > 50
        assert psnr(read_image(folder / "LR" / file.name), clean) < 33
