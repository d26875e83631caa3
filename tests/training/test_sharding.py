"""Sharded training: the gradients and weights of DDP, whole checkpoints that any run resumes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as distributed
from torch import Tensor

from refsr.core.errors import UsageError
from refsr.core.options.train import TrainOptions
from refsr.networks.descriptor import NetworkSpec, descriptor_of
from refsr.runs.checkpoint import Checkpoint, read_checkpoint
from refsr.runs.process_group import ALONE, Group
from refsr.training.setup import build_task
from refsr.training.sharding import is_sharded, require_shardable, shard, whole_tensor
from several_processes import started

WORDS = ("train.niter=4", "logger.save_checkpoint_freq=1", "train.val_freq=2", "val.max_images=3")
STEP = 1e-3
"""The learning rate of the small run, which bounds Adam's steps."""


def kept(options, name: str, step: int) -> Checkpoint:
    return read_checkpoint(options().path.root / "experiments" / name / "checkpoints" / str(step))


def apart(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """The largest difference, relative to the largest number of its tensor."""
    assert one.keys() == other.keys()
    return max(float((one[key] - other[key]).abs().max() / one[key].abs().max().clamp_min(1e-6)) for key in one)


def moments(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Adam's first moments: after one step the gradient, times a constant."""
    return {key: one for key, one in checkpoint.optimisers["G"].items() if key.startswith("exp_avg:")}


def scores(folder: Path) -> dict[tuple[int, str], float]:
    """PSNR by step and network."""
    events = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    return {(event["step"], event["network"]): event["psnr"] for event in events if event["kind"] == "validation"}


def same(options, one: str, other: str, bound: float = 1e-5) -> None:
    """Two runs took the same gradient, and their weights went the same way within rounding."""
    mine, theirs = kept(options, one, 1), kept(options, other, 1)
    assert apart(moments(mine), moments(theirs)) < bound
    mine, theirs = kept(options, one, 4), kept(options, other, 4)
    assert mine.facts["averaged"] == theirs.facts["averaged"]
    for network, weights in mine.weights.items():
        for key, weight in weights.items():
            difference = (weight - theirs.weights[network][key]).abs()
            # Where a gradient is mere rounding, Adam's step may be a whole one to either side.
            assert float(difference.max()) <= 8 * STEP, key
            assert float(difference.mean()) <= 0.02 * STEP, key
    found, expected = (scores(options().path.root / "experiments" / name) for name in (one, other))
    # A run that was ended on the way was validated there, too.
    assert expected.keys() <= found.keys()
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=0.02)


def test_a_sharded_run_learns_as_one_that_is_not(option_file, options):
    words = (*WORDS, "train.clip_grad_norm=0.05", "train.gradient_accumulation=2")
    for name, more in (("whole", ()), ("parts", ("train.shard=fsdp", "train.activation_checkpointing=true"))):
        run = started(option_file, 2, *words, *more, f"name={name}")
        assert run.returncode == 0, run.stderr
    same(options, "parts", "whole")


def test_a_run_goes_on_sharded_and_whole(option_file, options):
    whole = started(option_file, 2, *WORDS, "name=whole")
    assert whole.returncode == 0, whole.stderr
    for niter, count, how in ((1, 2, "none"), (3, 2, "fsdp"), (4, 1, "fsdp")):
        words = (*WORDS, f"train.niter={niter}", f"train.shard={how}", "name=parts", "--auto-resume")
        run = started(option_file, count, *words)
        assert run.returncode == 0, run.stderr
        assert "train.shard was" not in run.stderr
    same(options, "parts", "whole")


def test_what_cannot_be_combined_is_refused(options):
    several = options(
        "model=RRSGAN_model", "datasets.train.GT_size=32", "train.feature_network=random", "train.gan_weight=0.01",
        "train.gradient_gan_weight=0.01", "train.shard=fsdp",
        *(f"network_D.{one}" for one in ("which_model_D=discriminator_vgg_128", "nf=4", "head=pooled")),
    )  # fmt: skip
    assert several.train is not None
    with pytest.raises(UsageError, match=r"train\.shard: a sharded run trains one network, this one G, D, D_grad$"):
        require_shardable(build_task(several), several.train)
    task = build_task(options())
    for words, said in (
        ({"precision": "fp16"}, r"train\.precision: fp16; bf16 needs"),
        ({"compile": True}, r"train\.compile; set it to false"),
        ({"channels_last": True}, r"train\.channels_last; set it to false"),
    ):
        with pytest.raises(UsageError, match=rf"train\.shard: cannot be combined with {said}"):
            require_shardable(task, TrainOptions(niter=1, shard="fsdp", **words))
    require_shardable(task, TrainOptions(niter=1, shard="fsdp", precision="bf16"))


@pytest.fixture
def alone() -> Iterator[Group]:
    """A process group of this process alone, in which sharded weights are as hidden as in a large one."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield Group(0, 1, torch.device("cpu"))
    distributed.destroy_process_group()


NETWORKS: dict[str, dict[str, Any]] = {
    "RRSNet": {"nf": 4, "n_blocks": 1, "deformable_groups": 1},
    "RefDiff": {"model_channels": 8, "channel_mult": [1, 2], "num_blocks": 1},
    "SwinIR": {"dim": 12, "groups": 1, "layers": 2, "heads": 2, "window": 4},
    "DAT": {"dim": 16, "groups": 1, "blocks": 2, "heads": 2, "split_size": [4, 4]},
    "EDSR": {"nf": 4, "n_blocks": 1},
    "GatedTransfer": {},
    "TSFNet": {},
    "RGTNet": {"nf": 4, "n_blocks": 1, "deformable_groups": 1, "gtem_blocks": 1},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_compute_the_same_sharded(name, alone):
    """Weights that a network uses without a call of their module must not be hidden from it."""
    torch.manual_seed(0)
    network = NetworkSpec(name, NETWORKS[name]).build()
    descriptor = descriptor_of(network)
    side = 8 * descriptor.multiple
    sizes = {"lr": (3, side), "mask": (1, descriptor.scale * side), "ref_weight": (1, descriptor.scale * side)}
    shapes = [sizes.get(member, (3, descriptor.scale * side)) for member in descriptor.inputs]
    inputs = [torch.rand(1, bands, size, size) for bands, size in shapes]
    if name == "RefDiff":
        inputs = [torch.rand_like(inputs[1]), torch.ones(1), *inputs]
    expected = network(*inputs)
    expected.square().mean().backward()
    gradients = {key: one.grad.clone() for key, one in network.named_parameters() if one.grad is not None}
    network.zero_grad()
    shard(network, None, alone)
    found = network(*inputs)
    torch.testing.assert_close(found, expected)
    found.square().mean().backward()
    for key, one in network.named_parameters():
        if key in gradients:
            torch.testing.assert_close(whole_tensor(one.grad), gradients[key])


def test_one_process_shares_with_nobody():
    train = TrainOptions(niter=1, shard="fsdp")
    assert not is_sharded(train, ALONE)
    assert is_sharded(train, Group(0, 2, torch.device("cpu")))
