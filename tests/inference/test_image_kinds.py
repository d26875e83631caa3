"""`Restorer.restore` gives the kind of image that it gets: arrays, tensors, batches, files; and samples as asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import refsr
from refsr.core.errors import DataError, UsageError
from refsr.data.images import read_image, write_image
from refsr.networks.descriptor import NetworkSpec
from refsr.runs.model_file import ModelCard, write_model


@pytest.fixture(scope="module")
def restorer(model) -> refsr.Restorer:
    return refsr.load(model, device="cpu")


@pytest.fixture(scope="module")
def tensors(scene) -> tuple[torch.Tensor, torch.Tensor]:
    """LR (3, 12, 9) and Ref (3, 24, 18) in [0, 1]."""
    lr, ref = (torch.from_numpy(image).permute(2, 0, 1).float() / 255 for image in scene)
    return lr, ref


def test_a_tensor_gives_a_tensor_of_its_type(restorer, scene, tensors):
    expected = restorer.restore(*(image.astype(np.float32) / 255 for image in scene))
    for dtype, rounding in ((torch.float32, 1e-6), (torch.float64, 1e-6), (torch.bfloat16, 1e-2)):
        found = restorer.restore(*(image.to(dtype) for image in tensors))
        assert (found.dtype, found.shape, found.device.type) == (dtype, (3, 24, 18), "cpu")
        assert np.abs(found.float().permute(1, 2, 0).numpy() - expected).max() < rounding
        assert not found.requires_grad


def test_a_batch_gives_a_batch_of_what_each_gives_alone(restorer, tensors):
    lr, ref = tensors
    batch = restorer.restore(torch.stack((lr, lr.flip(1))), torch.stack((ref, ref.flip(2))))
    assert batch.shape == (2, 3, 24, 18)
    assert torch.equal(batch[0], restorer.restore(lr, ref))
    assert torch.equal(batch[1], restorer.restore(lr.flip(1), ref.flip(2)))


def test_files_give_an_array_or_a_file(restorer, scene, tmp_path):
    lr, ref = tmp_path / "lr.png", tmp_path / "ref.png"
    for file, image in zip((lr, ref), scene, strict=True):
        write_image(file, image)
    expected = restorer.restore(*scene)
    for given in ((lr, ref), (str(lr), str(ref)), (lr, scene[1]), (scene[0], ref)):
        found = restorer.restore(*given)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, expected)
        output = restorer.restore(*given, output=str(tmp_path / "out" / "sharp.png"), overwrite=True)
        assert output == tmp_path / "out" / "sharp.png"
        np.testing.assert_array_equal(read_image(output), expected)
    with pytest.raises(UsageError, match=r"sharp\.png: is there already"):
        restorer.restore(lr, ref, output=output)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"ref": "ref.png"}, "lr is a Tensor and ref is a str; expected tensors only, or none"),
        ({"lr": np.zeros((12, 9, 3), np.uint8)}, "ref is a Tensor and lr is a ndarray; expected tensors only, or none"),
        ({"lr": torch.zeros(12, 9)}, r"lr has the shape \(12, 9\); expected \(C, H, W\), or \(B, C, H, W\) for all"),
        ({"lr": torch.zeros(1, 3, 12, 9)}, r"ref has the shape \(3, 24, 18\); expected \(C, H, W\), or \(B, C, H, W\)"),
        ({"lr": torch.zeros(2, 3, 12, 9), "ref": torch.zeros(3, 3, 24, 18)}, "ref is a batch of 3, lr one of 2"),
        ({"lr": torch.zeros(0, 3, 12, 9), "ref": torch.zeros(0, 3, 24, 18)}, "lr is a batch of no image"),
        (
            {"lr": torch.zeros(3, 12, 9, dtype=torch.uint8)},
            r"lr is a tensor of torch\.uint8; expected float",
        ),
        ({"lr": torch.zeros(12, 9, 3)}, "ref: is 24x18; beside lr of 9x3, scale 2 needs 18x6"),
        ({"output": "a.png"}, "output goes with arrays and files; the result of tensors is a tensor"),
        ({"lr": None, "ref": None}, "lr is a NoneType; expected a NumPy array"),
        ({"sampling": {"steps": 3}}, "RRSNet restores in one pass and samples nothing"),
        ({"device": "abacus"}, "device 'abacus' is not known"),
    ],
)
def test_what_does_not_go_together_is_named(restorer, tensors, change, answer):
    with pytest.raises((UsageError, DataError), match=answer) as caught:
        restorer.restore(**({"lr": tensors[0], "ref": tensors[1]} | change))
    assert "\n" not in str(caught.value)


def test_a_seed_changes_nothing_where_nothing_is_sampled(restorer, tensors):
    assert torch.equal(restorer.restore(*tensors, seed=1, device="cpu"), restorer.restore(*tensors, seed=2))


@pytest.fixture(scope="module")
def sampler(tmp_path_factory) -> refsr.Restorer:
    """A denoiser with random weights, trained with masks that say where the ground changed."""
    keywords = {"scale": 4, "model_channels": 4, "channel_mult": [1, 1, 1], "num_blocks": 0, "transform_channels": 4}
    spec = NetworkSpec("RefDiff", keywords)
    torch.manual_seed(0)
    network = spec.build()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    path = tmp_path_factory.mktemp("sampler") / "w.safetensors"
    card = ModelCard(spec, "RefDiff_model", {}, {"steps": 2, "sigma_max": 1.0}, {"encoding": "changed", "values": None})
    write_model(path, network.state_dict(), card)
    return refsr.load(path, device="cpu")


def test_sampling_is_an_argument_and_leaves_nothing_behind(sampler):
    draw = np.random.default_rng(1)
    images = {"lr": draw.integers(0, 256, (8, 8, 3), np.uint8), "ref": draw.integers(0, 256, (32, 32, 3), np.uint8)}
    images["mask"] = draw.integers(0, 2, (32, 32), np.uint8)
    plain = sampler.restore(**images)
    other = sampler.restore(**images, seed=5)
    assert not np.array_equal(plain, other)
    np.testing.assert_array_equal(sampler.restore(**images, sampling={"seed": 5}), other)
    np.testing.assert_array_equal(sampler.restore(**images, sampling=sampler.sampling, seed=5), other)
    assert not np.array_equal(sampler.restore(**images, sampling={"steps": 4}), plain)
    for wrong, answer in (({"stps": 3}, "mean 'steps'"), ({"steps": 0}, "sampling steps"), ({"seed": -1}, "seed")):
        with pytest.raises(UsageError, match=answer):
            sampler.restore(**images, sampling=wrong)
    assert sampler.sampling.steps == 2
    np.testing.assert_array_equal(sampler.restore(**images), plain)


def test_a_mask_may_be_a_tensor_of_whole_numbers(sampler):
    torch.manual_seed(2)
    lr, ref, mask = torch.rand(3, 8, 8), torch.rand(3, 32, 32), torch.randint(0, 2, (1, 32, 32), dtype=torch.uint8)
    given = [image.permute(1, 2, 0).numpy() for image in (lr, ref)]
    expected = sampler.restore(*given, mask=mask[0].numpy())
    np.testing.assert_array_equal(sampler.restore(lr, ref, mask=mask).permute(1, 2, 0).numpy(), expected)
    with pytest.raises(UsageError, match=r"mask is a tensor of torch\.int64; expected uint8"):
        sampler.restore(lr, ref, mask=mask.long())


def test_a_source_and_a_sink_of_ones_own_are_enough(restorer, tensors):
    """What is restored by tiles need not be in memory: any class with the methods of a source or a sink will do."""
    from refsr.inference.tile_layout import lay_out
    from refsr.inference.tiling import restore_tiles
    from refsr.tasks.restore import single_pass

    lr, ref = tensors

    class Rows:
        sizes = {"lr": (12, 9), "lr_up": (24, 18), "ref": (24, 18), "ref_down": (24, 18)}  # noqa: RUF012

        def cut(self, window):
            top, left, height, width = window
            large = ref[:, 2 * top : 2 * (top + height), 2 * left : 2 * (left + width)][None]
            small = lr[:, top : top + height, left : left + width][None]
            return {"lr": small, "lr_up": large, "ref": large, "ref_down": large}

    class Mean:
        pixels, total = 0, 0.0

        def add(self, window, tile):
            assert tile.shape[-2:] == (window.height, window.width)
            self.pixels += window.height * window.width
            self.total += float(tile.sum())

    sink = Mean()
    layout = lay_out(restorer.network.descriptor, Rows.sizes, 4, 0)
    restore_tiles(single_pass, restorer.network, Rows(), layout, sink)
    assert len(layout) == 9
    assert sink.pixels == 24 * 18
    assert 0 < sink.total < 3 * 24 * 18


def test_a_path_is_what_the_library_returns(restorer, scene, tmp_path):
    assert isinstance(restorer.restore(*scene, output=tmp_path / "a.png"), Path)
