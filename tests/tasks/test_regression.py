"""Learning from the target alone: which terms there are, under which names, of which stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from refsr.core.errors import UsageError
from refsr.core.options.network import GeneratorOptions
from refsr.core.options.schema import Options
from refsr.core.options.train import TrainOptions
from refsr.losses.frequency import frequency_loss
from refsr.losses.gradient import gradient_loss
from refsr.losses.pixel import pixel_loss
from refsr.tasks.base import IterationCache
from refsr.tasks.regression import Regression, stage_losses

SMALL = {"which_model_G": "TSFNet", "nf": 8, "n_blocks": 0}


def task(**train: Any) -> Regression:
    return Regression(
        Options(
            name="stages",
            model="TSFNet_model",
            scale=4,
            datasets={},
            network_G=GeneratorOptions.model_validate(SMALL),
            train=TrainOptions(niter=1, **train),
        )
    )


def terms(made: Regression, batch: dict[str, Any]) -> dict[str, torch.Tensor]:
    (phase,) = made.phases(1)
    return phase.losses(made.networks["G"], batch, IterationCache())


def test_every_stage_is_compared_in_every_way():
    made = task(pixel_weight=2.0, gradient_pixel_weight=3.0, frequency_weight=5.0, stage_weight=0.5)
    batch = {"lr": torch.rand(1, 3, 4, 8), "hr": torch.rand(1, 3, 16, 32), "name": ["x"]}
    found = terms(made, batch)
    with torch.no_grad():
        fine, coarse = made.networks["G"](batch["lr"], every_stage=True)
    for image, suffix, factor in ((fine, "", 1.0), (coarse, "_stage1", 0.5)):
        for name, weight, loss in (
            ("l_g_pix", 2.0, pixel_loss),
            ("l_g_pix_grad", 3.0, gradient_loss),
            ("l_g_freq", 5.0, frequency_loss),
        ):
            expected = factor * weight * loss(image, batch["hr"])
            assert float(found.pop(name + suffix).detach()) == pytest.approx(float(expected), rel=1e-5)
    assert found == {}


def test_only_the_result_counts_without_stage_weight():
    batch = {"lr": torch.rand(1, 3, 4, 4), "hr": torch.rand(1, 3, 16, 16), "name": ["x"]}
    assert list(terms(task(stage_weight=0.0), batch)) == ["l_g_pix"]


def test_a_task_without_any_loss_is_refused():
    with pytest.raises(UsageError, match=r"pixel_weight, gradient_pixel_weight, frequency_weight are all 0"):
        task(pixel_weight=0.0)


def test_spectra_alone_are_enough_to_learn_from():
    made = task(pixel_weight=0.0, frequency_weight=1.0)
    batch = {"lr": torch.rand(1, 3, 4, 4), "hr": torch.rand(1, 3, 16, 16), "name": ["x"]}
    assert list(terms(made, batch)) == ["l_g_freq", "l_g_freq_stage1"]


def test_a_run_of_two_stages_is_trained_and_validated_in_published_tiles(places: Path, tmp_path, capsys):
    from refsr.cli.main import main

    file = tmp_path / "tsfnet.yml"
    data = f"mode: single, dataroot_GT: {places}/HR, lr: from_hr, n_workers: 0"
    file.write_text(
        f"""
name: tsfnet
model: TSFNet_model
scale: 4
gpu_ids: []
datasets:
  train: {{{data}, batch_size: 2, GT_size: 16, use_flip: true, use_rot: true}}
  val: {{{data}}}
network_G: {{which_model_G: TSFNet, nf: 8, n_blocks: 0}}
path: {{root: {tmp_path}}}
train: {{niter: 2, lr_G: 5e-4, lr_scheme: MultiStepLR, lr_steps: [2], val_freq: 2, frequency_weight: 0.1}}
val: {{max_images: 1, tile: 4, tiling: tsfnet-val}}
logger: {{print_freq: 1, save_checkpoint_freq: 2}}
"""
    )
    assert main(["train", str(file)]) == 0
    assert "l_g_pix_stage1" in capsys.readouterr().err
    scores = []
    for words in ([], ["val.tiling=seamless", "val.tile=null"]):
        assert main(["val", str(file), *words, "--protocol", "rgb-uint8-border-scale", "--no-images"]) == 0
        scores.append(next(line for line in capsys.readouterr().out.splitlines() if line.startswith("tsfnet ")))
    assert len(set(scores)) == 2
    assert main(["val", str(file), "val.tile=null"]) == 2
    assert "val.tiling tsfnet-val: an LR image of 8 x 8 is smaller than its tiles of 64" in capsys.readouterr().err


def test_stages_are_numbered_from_the_first_on():
    """Images come with the last stage first: the coarsest is stage 1."""
    target = torch.zeros(1, 3, 8, 8)
    images = [torch.full_like(target, level) for level in (0.1, 0.2, 0.3)]
    found = stage_losses(TrainOptions(niter=1, pixel_weight=1.0, stage_weight=0.5), images, target)
    assert {name: float(term) for name, term in found.items()} == {
        "l_g_pix": pytest.approx(0.1),
        "l_g_pix_stage2": pytest.approx(0.1),
        "l_g_pix_stage1": pytest.approx(0.15),
    }
