"""The published files, rebuilt from their published settings, and our own files of the same runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from refsr.core.options import examine, load_options
from refsr.core.options.repair import repair

HERE = Path(__file__).parent
BUNDLED = [file for file in sorted((HERE.parents[2] / "options").glob("**/*.yml")) if file.parent.name != "bench"]
COMMA = "'200000，250000' has '，' (fullwidth comma, U+FF0C) where ',' belongs; did you mean 200000, 250000?"


@pytest.mark.parametrize("name", ["RRSNet", "RRSGAN"])
def test_a_published_file_is_valid(name):
    options = load_options(HERE / "published" / f"{name}.yml")
    assert options.model == f"{name}_model"
    assert (options.scale, options.run_seed, options.train.niter) == (4, 10, 250000)
    assert options.network_G.which == "RRSNet"
    assert options.network_G.parameters == {"nf": 64, "n_blocks": 16}
    assert options.datasets["train"].kind == "reference"
    assert options.datasets["train"].roots()["dataroot_LQ_UX4"] == Path("../../../dataset/train/LR_UX4.lmdb")
    assert options.path.resume_state is None


def test_the_published_rgtgan_file_has_one_mistake_and_it_is_named():
    file = HERE / "published" / "RGTGAN.yml"
    assert b"\r\n" in file.read_bytes()
    line = next(number for number, text in enumerate(file.read_text("utf-8").split("\n"), 1) if "lr_steps" in text)
    assert [str(problem) for problem in examine(file).problems] == [f"{file}:{line}: train.lr_steps[3]: {COMMA}"]


def test_the_repaired_rgtgan_file_has_its_five_milestones_and_its_line_ends():
    text = (HERE / "published" / "RGTGAN.yml").read_bytes().decode()
    repaired, examined = repair(text, "RGTGAN.yml")
    assert examined.problems == ()
    assert examined.options.train.lr_steps == [50000, 100000, 150000, 200000, 250000]
    assert examined.options.network_G.which == "RGTNet"
    assert repaired == text.replace("200000，250000", "200000, 250000")


def test_every_published_key_without_effect_is_accepted_with_a_notice():
    notices = examine(HERE / "published" / "RGTGAN.yml").notices
    idle = {notice.path for notice in notices if "does nothing" in notice.message}
    assert idle == {
        ("Ref_color",),
        ("datasets", "train", "use_shuffle"),
        ("datasets", "train", "data_type"),
        ("datasets", "val", "data_type"),
        ("network_G", "scale"),
        ("train", "weight_decay_G_grad"),
        ("train", "beta1_G_grad"),
        ("train", "Branch_pretrain"),
        ("train", "Branch_init_iters"),
    }


@pytest.mark.parametrize("file", BUNDLED, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_shipped_file_is_valid_and_holds_nothing_idle(file):
    examined = examine(file)
    assert examined.problems == ()
    assert not [notice for notice in examined.notices if "does nothing" in notice.message]


@pytest.mark.parametrize("name", ["RRSNet", "RRSGAN", "RGTGAN"])
def test_a_shipped_file_trains_as_the_published_one(name):
    (file,) = [file for file in BUNDLED if (file.parent.name, file.stem) == (name.lower(), "published")]
    shipped = load_options(file)
    text, _ = repair((HERE / "published" / f"{name}.yml").read_bytes().decode(), name)
    published = repair(text, name)[1].options
    same = {"manual_seed", "T_period", "restarts", "restart_weights"}
    assert shipped.train.model_dump(exclude=same) == published.train.model_dump(exclude=same)
    assert shipped.run_seed == published.run_seed
    for key in ("name", "model", "scale", "gpu_ids", "network_D", "logger"):
        assert getattr(shipped, key) == getattr(published, key)
    assert shipped.network_G.parameters == published.network_G.parameters
    for key in ("GT_size", "batch_size", "n_workers", "use_flip", "use_rot", "kind"):
        assert getattr(shipped.datasets["train"], key) == getattr(published.datasets["train"], key)
