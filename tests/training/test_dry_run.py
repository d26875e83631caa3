"""A dry run finds what would fail late, says what a run takes, and writes nothing."""

from __future__ import annotations

import shutil

import pytest
import yaml

from refsr.core.errors import DataError, UsageError
from refsr.core.options.load import load_options
from refsr.runs.process_group import ALONE
from refsr.training.dry_run import dry_run


def test_it_tells_what_to_expect_and_writes_nothing(options, tmp_path):
    found = dry_run(options("train.val_freq=3"), ALONE)
    assert (found.samples, found.validation_samples, found.niter, found.validations) == (6, 6, 6, 2)
    assert found.epochs == 4
    assert set(found.losses) == {"l_g_pix", "l_g_pix_grad"}
    assert min(found.seconds_a_step, found.seconds_an_image, found.memory_mib) > 0
    assert found.seconds > 6 * found.seconds_a_step
    # Weights, their average, and two moments: four numbers a parameter.
    assert found.checkpoint_mib == pytest.approx(4 * 4 * found.parameters["G"] / 2**20)
    assert [path.name for path in tmp_path.iterdir()] == ["small.yml"]


def test_a_file_that_nobody_would_read_for_hours_is_found(options, places, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(places, copy)
    file = copy / "Ref" / "5.png"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"5\.png"):
        dry_run(
            options(f"datasets.train.dataroot_GT={copy / 'HR'}", f"datasets.train.dataroot_Ref={copy / 'Ref'}"), ALONE
        )


def test_bands_that_the_network_does_not_take_are_named(options):
    with pytest.raises(DataError, match=r"datasets\.train: the images have 1 bands, the network takes 3"):
        dry_run(options("datasets.train.bands=[1]"), ALONE)


def test_crops_that_the_network_does_not_take_are_named_with_the_nearest_that_it_does(option_file):
    content = yaml.safe_load(option_file.read_text())
    content["model"] = "SISR_model"
    content["network_G"] = {"which_model_G": "SwinIR", "dim": 8, "groups": 1, "layers": 2, "heads": 2}
    option_file.write_text(yaml.safe_dump(content))
    with pytest.raises(
        UsageError, match=r"GT_size: 48 is no multiple of 32, which the network needs at x4; 64 would be"
    ):
        dry_run(load_options(option_file, ["datasets.train.GT_size=48"]), ALONE)
    assert dry_run(load_options(option_file, ["datasets.train.GT_size=32"]), ALONE).niter == 6
