"""Every network as ONNX: the images of torch at sizes that were not traced, or one line that says why not."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from refsr.core.errors import OutputError, RefsrError, UsageError
from refsr.core.registry import list_networks
from refsr.interop.onnx import comparison, writing
from refsr.interop.onnx.comparison import differences
from refsr.interop.onnx.deepness import deepness_entries
from refsr.interop.onnx.scene import example
from refsr.interop.onnx.writing import write_onnx
from refsr.networks.descriptor import Descriptor, NetworkSpec, descriptor_of
from refsr.runs.model_file import ModelCard, weights_digest
from refsr.runs.onnx_file import onnx_metadata, read_onnx

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package)

EDSR = {"nf": 8, "n_blocks": 1}
EXPORTED = {
    "EDSR": EDSR,
    "GatedTransfer": {"nf": 8, "n_blocks": 0, "base": {"which_model_G": "EDSR", **EDSR}},
}
SLOWLY = {
    "RRSNet": {"nf": 8, "n_blocks": 1, "deformable_groups": 2},
    "RGTNet": {"nf": 8, "n_blocks": 1, "deformable_groups": 2, "gtem_blocks": 1},
    "SRResNet": {},
    "MSRResNet": {"nf": 8, "n_blocks": 1},
    "SwinIR": {"dim": 12, "groups": 1, "layers": 2, "heads": 2, "window": 4},
    "DAT": {"dim": 64, "groups": 1, "blocks": 4, "heads": 2, "split_size": [4, 8]},
    "CompactNet": {"nf": 8, "n_blocks": 1, "jpeg_aware": True},
    "SpecGAN": {
        "scale": 4,
        "hsi_bands": 4,
        "side": 16,
        "nf": 6,
        "n_blocks": 1,
        "style_channels": 6,
        "latent_channels": 6,
    },
}
REFUSED = {
    "TSFNet": ("its spectra are complex numbers", {"scale": 4, "nf": 8, "n_blocks": 0, "heads": 2}),
    "RefDiff": ("it restores by sampling", {"scale": 4, "model_channels": 32, "num_blocks": 1}),
    "StyleGAN2": ("it makes images of noise", {"side": 8, "latent_channels": 8, "style_channels": 8}),
    "StyleGAN2Discriminator": ("it judges images", {}),
    "discriminator_vgg_128": ("it judges images", {}),
}


def made(name, keywords):
    """A small network in which every parameter counts, and its card."""
    torch.manual_seed(0)
    spec = NetworkSpec(name, keywords)
    network = spec.build().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return network, ModelCard(spec, "regression", {"weights": "random"}, trust={"consistent": "soft"})


def check(name, keywords, folder, tile=None):
    network, card = made(name, keywords)
    target = folder / f"{name}.onnx"
    done = write_onnx(target, network, card, tile)
    assert max(done.metadata.differences.values()) < 1e-4
    computed, again = read_onnx(target)
    assert again == card
    descriptor = computed.descriptor
    expected = descriptor_of(network)
    assert descriptor.inputs == expected.inputs
    assert (descriptor.scale, descriptor.halo, descriptor.multiple) == (
        expected.scale, expected.halo, expected.multiple,
    )  # fmt: skip
    assert done.metadata.model_sha256 == weights_digest(network)
    sizes = ((31, 20), (57, 40)) if descriptor.side is None else ((descriptor.side, descriptor.side),)
    for size in sizes:
        members = example(expected, *(-(-side // expected.multiple) * expected.multiple for side in size), seed=9)
        with torch.inference_mode():
            image = network(*members.values())
        torch.testing.assert_close(computed(*members.values()), image, atol=1e-4, rtol=1e-4)
    return target


def test_every_network_of_the_registry_is_in_a_table():
    assert sorted([*EXPORTED, *SLOWLY, *REFUSED]) == sorted(list_networks())


@pytest.mark.parametrize("name", EXPORTED)
def test_networks_are_exported(name, tmp_path):
    target = check(name, EXPORTED[name], tmp_path)
    takes = onnx_metadata(target)
    assert takes.least == 16
    assert takes.value_range == (0, 1)
    assert len(takes.differences) == 3
    sides = {one.name: [axis.dim_param or axis.dim_value for axis in shape] for one, shape in _inputs(target)}
    assert sides["lr"] == [1, 3, "height", "width"]
    if name == "GatedTransfer":
        assert sides["ref_weight"] == [1, 1, "4*height", "4*width"]


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOWLY)
def test_slow_networks_are_exported(name, tmp_path):
    check(name, SLOWLY[name], tmp_path)


@pytest.mark.parametrize("name", REFUSED)
def test_the_others_say_why_not(name, tmp_path):
    reason, keywords = REFUSED[name]
    network, card = made(name, keywords)
    with pytest.raises(UsageError, match=f"{name} is not exported to ONNX: {reason}") as caught:
        write_onnx(tmp_path / "m.onnx", network, card)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class Session:
    """A runtime whose images are off by `error`, at sizes other than those of `right` rows of LR."""

    def __init__(self, network, error, right=()):
        self.network, self.error, self.right = network, error, right

    def run(self, _, fed):
        with torch.inference_mode():
            image = self.network(*map(torch.from_numpy, fed.values()))
        return [(image + (0 if fed["lr"].shape[2] in self.right else self.error)).numpy()]


@pytest.mark.parametrize("error", [2e-4, float("nan")])
def test_a_graph_that_differs_at_one_size_is_not_written(error, tmp_path, monkeypatch):
    network, card = made("EDSR", EDSR)
    assert max(differences(network, Session(network, 5e-5), None).values()) < 1e-4
    monkeypatch.setattr(writing, "session", lambda *_: Session(network, error, right=(16, 33)))
    with pytest.raises(OutputError, match=r"EDSR as ONNX differs from torch by .* at LR 50x81.*nothing was written"):
        write_onnx(tmp_path / "m.onnx", network, card)
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_are_compared_were_not_traced():
    from refsr.interop.onnx.graph import TRACED

    assert not set(TRACED) & {side for size in comparison.SIZES for side in size}


def test_an_example_lets_the_reference_count():
    """Else the part of the network behind its gate would not be compared."""
    members = example(Descriptor(4, 3, ("lr", "ref", "ref_weight")), 20, 24)
    assert {name: tuple(one.shape) for name, one in members.items()} == {
        "lr": (1, 3, 20, 24), "ref": (1, 3, 80, 96), "ref_weight": (1, 1, 80, 96),
    }  # fmt: skip
    reduced = torch.nn.functional.avg_pool2d(members["ref"], 4)
    assert np.corrcoef(reduced.flatten(), members["lr"].flatten())[0, 1] > 0.9
    assert min(float(one.min()) for one in members.values()) >= 0


def test_a_network_that_cannot_be_traced_is_one_line(tmp_path):
    class Choosing(torch.nn.Module):
        descriptor = Descriptor(1, 3, ("lr",), halo=0)

        def forward(self, lr):
            return lr if float(lr.sum()) > 0 else -lr

    card = ModelCard(NetworkSpec("Choosing", {}), "regression")
    with pytest.raises(RefsrError, match="Choosing cannot be exported to ONNX: ") as caught:
        write_onnx(tmp_path / "m.onnx", Choosing(), card)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


DEEPNESS_READS = {
    *("model_type", "class_names", "names", "resolution", "tile_size", "tiles_overlap"),
    *("standardization_mean", "standardization_std", "reg_output_scaling", "seg_thresh", "seg_small_segment"),
    *("det_conf", "det_type", "det_iou_thresh", "det_remove_overlap"),
}
"""The keys that the plugin's loader of models reads, over its versions."""


def test_a_tile_makes_a_file_that_deepness_loads(tmp_path):
    """As the plugin reads it: one input, one output, sides as numbers and equal, and the values of its keys as JSON.

    Its other keys, such as names of classes and means by which it would change the input, are not there.
    """
    onnx = pytest.importorskip("onnx")
    target = check("EDSR", EDSR, tmp_path, tile=24)
    model = onnx.load(str(target))
    shapes = [
        [axis.dim_value for axis in one.type.tensor_type.shape.dim] for one in (*model.graph.input, *model.graph.output)
    ]
    assert shapes == [[1, 3, 24, 24], [1, 3, 96, 96]]
    entries = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert {key: entries[key] for key in DEEPNESS_READS & set(entries)} == {
        "model_type": "Superresolution",
        "tile_size": 24,
        "tiles_overlap": 0,
    }
    assert str(entries["model_type"]).capitalize() == "Superresolution", "the plugin looks its types up so"
    assert onnx_metadata(target).side == 24


def test_what_deepness_cannot_load_has_no_keys_of_it():
    assert deepness_entries(Descriptor(4, 3, ("lr",)), None) == {}
    assert deepness_entries(Descriptor(4, 3, ("lr", "ref", "ref_weight")), 64) == {}


@pytest.mark.parametrize("tile", [8, 50])
def test_tiles_are_multiples(tile, tmp_path):
    network, card = made("SwinIR", {"dim": 12, "groups": 1, "layers": 1, "heads": 2, "window": 4})
    with pytest.raises(UsageError, match=rf"--tile {tile}: expected a multiple of 4 from 16 on, such as"):
        write_onnx(tmp_path / "m.onnx", network, card, tile)


def _inputs(target):
    onnx = pytest.importorskip("onnx")
    return [(one, one.type.tensor_type.shape.dim) for one in onnx.load(str(target)).graph.input]
