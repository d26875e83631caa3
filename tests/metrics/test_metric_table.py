"""The contract of every metric: its line in the table, what it says where it cannot serve, that better is better."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scenes import blurred, noisy, scene

from refsr.core.errors import DataError, UsageError
from refsr.metrics import METRICS, MetricError, available, build, metric_named, names
from refsr.metrics.base import as_tensor
from refsr.metrics.protocols import measure, protocol
from refsr.metrics.weight_files import WEIGHT_FILES, find

HERE = [name for name, line in METRICS.items() if not line.whole_set]
DEGRADED = {"noise": (lambda x, k: noisy(x, 4 * k)), "blur": (lambda x, k: blurred(x, 0.6 * k))}
BEST = {"psnr": np.inf, "ssim": 1, "ms-ssim": 1, "scc": 1, "gms": 1}
SIDE = {"ms-ssim": 200, "niqe": 200}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a metric asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither packages nor folders with weights."""
    monkeypatch.setattr("refsr.metrics.weight_files.PathFinder", SimpleNamespace(find_spec=lambda name: None))
    monkeypatch.delenv("REFSR_WEIGHTS", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def judge(name: str, drawn_weights: Path):
    """The metric, with drawn weights where no package ships the published ones."""
    if (line := available(name, drawn_weights)) is not None:
        pytest.skip(line)
    return build(name, drawn_weights)


def picture(name: str):
    side = SIDE.get(name, 96)
    return scene(side, side + 16)


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; from refsr.metrics import names, metric_named; names(); metric_named('fid');"
        "print([m for m in ('torch', 'scipy', 'cv2', 'torchmetrics', 'torchvision') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_unknown_names_are_told_the_nearest():
    for ask in (metric_named, available, build):
        with pytest.raises(UsageError, match="did you mean 'lpips'"):
            ask("lpip")


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("kind", DEGRADED)
def test_more_damage_scores_worse(name, kind, judge):
    target = picture(name)
    scores = [judge(DEGRADED[kind](target, strength), target) for strength in (1, 2, 4)]
    if name == "niqe" and kind == "noise":
        scores = scores[1:]  # Without a target, a little noise on so soft a scene may pass for texture.
    assert scores == sorted(scores, reverse=METRICS[name].better == "higher")
    assert len(set(scores)) == len(scores)


@pytest.mark.parametrize("name", [name for name in HERE if METRICS[name].needs_target])
def test_an_image_is_nearest_to_itself(name, judge):
    target = picture(name)
    # Angles of equal vectors are the arc cosine of almost one, which is the root of the rounding error.
    assert judge(target, target) == pytest.approx(BEST.get(name, 0), abs=1e-3 if name == "scc" else 2e-6)
    assert judge(target, target) == judge(target.copy(), target.copy())
    with pytest.raises(DataError, match=f"{name} compares with a target"):
        judge(target, None)
    with pytest.raises(DataError, match="its target"):
        judge(target, target[:-1])


@pytest.mark.parametrize("name", names())
def test_a_luma_protocol_is_served_or_refused_by_name(name, judge):
    pair = protocol("y-uint8-border4").compared(noisy(scene(), 5) / 255, scene() / 255, 4)
    judge = judge.update if METRICS[name].whole_set else judge
    if METRICS[name].bands == "any":
        assert np.isfinite(judge(*pair))
    else:
        with pytest.raises(DataError, match=rf"{name} needs .* a protocol on luma leaves one"):
            judge(*pair)


@pytest.mark.parametrize("name", HERE)
def test_the_smallest_image_is_told(name, judge):
    """One pixel less than what is served is a mistake with a line; never a traceback from inside a library."""
    target = scene(200, 216)
    scores, refusals = {}, {}
    for side in (1, 2, 7, 8, 10, 11, 15, 16, 17, 18, 30, 31, 95, 96, 175, 176, 192):
        cut = target[:side, :192]
        try:
            scores[side] = judge(noisy(cut, 3), cut)
        except DataError as error:
            refusals[side] = str(error).lower()
    assert scores
    assert all(np.isfinite(score) for score in scores.values())
    assert all(name in line for line in refusals.values())
    assert max(refusals, default=0) < min(scores)


@pytest.mark.parametrize("name", [name for name in HERE if METRICS[name].files])
def test_features_of_another_target_are_not_taken_for_this_ones(name, judge, drawn_weights):
    first, second = scene(64, 80), scene(64, 80, 5)
    image = noisy(first, 9)
    asked = [judge(image, target) for target in (first, first, second, first, second)]
    fresh = [build(name, drawn_weights)(image, target) for target in (first, second)]
    assert fresh[0] != fresh[1]
    assert asked == [fresh[0], fresh[0], fresh[1], fresh[0], fresh[1]]


def test_psnr_and_ssim_are_those_of_the_protocols():
    image, target = noisy(scene(), 7) / 255, scene() / 255
    for quoted in ("rgb-uint8-border4", "y-uint8-border4"):
        expected = measure(image, target, 4, quoted)
        pair = protocol(quoted).compared(image, target, 4)
        assert {name: build(name)(*pair) for name in ("psnr", "ssim")} == expected


@pytest.mark.parametrize("name", [name for name, line in METRICS.items() if line.files])
def test_missing_weights_are_one_line_with_the_way_out(name, nothing_installed, tmp_path, monkeypatch):
    pytest.importorskip("torchmetrics")
    line = available(name, tmp_path)
    assert line is not None
    assert "\n" not in line
    for key in METRICS[name].files:
        assert next(iter(WEIGHT_FILES[key].names)) in line
    assert str(tmp_path) in line
    assert "--metric-weights" in line
    assert "REFSR_WEIGHTS" in line
    with pytest.raises(MetricError) as caught:
        build(name, tmp_path)
    assert str(caught.value) == line
    assert "no such folder" in str(available(name, tmp_path / "nowhere"))
    monkeypatch.setenv("REFSR_WEIGHTS", __file__)
    assert "expected the folder" in str(available(name))


def test_a_missing_library_is_one_line(monkeypatch):
    monkeypatch.setattr("refsr.metrics.building.import_error", lambda package: f"{package} is not installed")
    for name, line in METRICS.items():
        found = available(name)
        assert (found is not None and "pip install 'torchmetrics" in found) == bool(line.packages), name


def test_a_broken_torchvision_is_a_line(tmp_path):
    """torchvision beside another torch raises RuntimeError on import, and takes torchmetrics with it."""
    (tmp_path / "torchmetrics").mkdir()
    (tmp_path / "torchmetrics" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    code = "from refsr.metrics import available; print(available('sam')); print(available('psnr'))"
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.startswith("sam: torchmetrics cannot be imported (RuntimeError: operator torchvision::nms")
    assert found.stdout.endswith("None\n")


@pytest.mark.parametrize("key", WEIGHT_FILES)
def test_weights_are_looked_for_where_they_are_named(key, nothing_installed, tmp_path, monkeypatch):
    assert find(key) is None
    places = [tmp_path / "torch" / "hub" / "checkpoints", tmp_path / "variable", tmp_path / "option"]
    for name in WEIGHT_FILES[key].names:
        for folder in places:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(b"")
            monkeypatch.setenv("REFSR_WEIGHTS", str(tmp_path / "variable"))
            assert find(key, tmp_path / "option") == folder / name
        for folder in places:
            (folder / name).unlink()


def test_other_files_under_a_known_name_are_refused(nothing_installed, tmp_path):
    file = tmp_path / "vgg_shift_tolerant.pth"
    torch.save({"net.slice1.0.weight": torch.zeros(1)}, file)
    with pytest.raises(DataError, match=r"vgg_shift_tolerant.pth: its SHA-256 starts with .*, expected 44597da6"):
        build("st-lpips", tmp_path)


def test_only_tensors_are_loaded(nothing_installed, tmp_path, monkeypatch):
    ran = tmp_path / "ran"

    class Harmful:
        def __reduce__(self):
            return Path.touch, (ran,)

    file = tmp_path / "vgg_shift_tolerant.pth"
    torch.save({"weight": Harmful()}, file)
    monkeypatch.setitem(WEIGHT_FILES["st-lpips-vgg"].names, file.name, "")
    with pytest.raises(DataError, match="holds more than tensors"):
        build("st-lpips", tmp_path)
    assert not ran.exists()


def test_one_band_is_a_plane_with_or_without_its_axis():
    plane = scene()[..., 0]
    assert torch.equal(as_tensor(plane), as_tensor(plane[..., None]))
    assert as_tensor(scene()).shape == (1, 3, 192, 208)
