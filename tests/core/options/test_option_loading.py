"""What right files mean: values, overrides, anchors, names with debug, and that reading them stays light."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from refsr.core.options import DatasetOptions, Options, load_options
from refsr.core.options.load import examine_text
from refsr.core.options.scalars import read_word


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-4", 1e-4),
        ("1E4", 1e4),
        (".5", 0.5),
        ("-1", -1),
        ("+2", 2),
        ("300_000", 300000),
        ("0", 0),
        ("0.10", 0.1),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("NULL", None),
        ("yes", "yes"),
        ("0o17", "0o17"),
        ("017", "017"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("nan", "nan"),
        ("=", "="),
    ],
)
def test_a_plain_word_means_what_people_expect(word, value):
    found, _ = read_word(word)
    assert found == value
    assert type(found) is type(value)


def test_overrides_win_and_are_typed(good, tmp_path):
    file = tmp_path / "f.yml"
    file.write_text(good)
    words = [
        "train.lr_G=2e-4",
        "datasets.train.GT_size=32",
        "train.lr_scheme=MultiStepLR",
        "train.lr_steps=[10, 20]",
        "logger.keep_last=3",
        "gpu_ids=[]",
        "path.root=/x=y",
        "name='12'",
        "network_G.n_blocks=2",
        "datasets.val_3={mode: single, dataroot_GT: a, lr: from_hr}",
    ]
    options = load_options(file, words)
    assert options.train.lr_G == 2e-4
    assert options.datasets["train"].GT_size == 32
    assert options.train.lr_steps == [10, 20]
    assert options.logger.keep_last == 3
    assert options.gpu_ids == []
    assert options.path.root == Path("/x=y")
    assert options.name == "12"
    assert options.network_G.parameters == {"n_blocks": 2}
    assert options.datasets["val_3"].kind == "single"
    assert load_options(file, ["train.lr_G=1", "train.lr_G=0.5"]).train.lr_G == 0.5


def test_a_merge_key_brings_in_what_the_section_lacks(good):
    datasets = examine_text(good, "f.yml").options.datasets
    assert datasets["val_2"].dataroot_GT == Path("b")
    assert datasets["val_2"].dataroot_LQ == datasets["val"].dataroot_LQ == Path("a")


def test_the_first_of_several_merged_sections_wins_and_chains_are_followed(good):
    text = good.replace("<<: *val\n", "<<: [{dataroot_LQ: first, <<: *val}, {dataroot_LQ: second, n_workers: 7}]\n")
    found = examine_text(text, "f.yml").options.datasets["val_2"]
    assert (found.dataroot_LQ, found.n_workers, found.dataroot_GT) == (Path("first"), 7, Path("b"))


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text])
def test_line_ends_and_a_byte_order_mark_change_nothing(good, change):
    assert examine_text(change(good), "f.yml").options == examine_text(good, "f.yml").options


def test_a_plain_tag_is_fine(good):
    options = examine_text(good.replace("1e-4", "!!float 1e-4").replace("name: try", "name: !!str 12"), "f.yml").options
    assert (options.train.lr_G, options.name) == (1e-4, "12")


def test_debug_in_the_name_looks_at_once_and_words_still_win(good):
    debug = examine_text(good.replace("name: try", "name: try_debug"), "f.yml", ["train.val_freq=5"])
    options = debug.options
    assert (options.train.val_freq, options.logger.print_freq, options.logger.save_checkpoint_freq) == (5, 1, 8)
    assert any("debug" in notice.message for notice in debug.notices)
    assert examine_text(good, "f.yml").options.logger.print_freq == 100


def test_the_seed_stands_in_either_place(good):
    assert examine_text(good, "f.yml").options.run_seed == 0
    assert examine_text(good, "f.yml", ["seed=5"]).options.run_seed == 5
    assert examine_text(good, "f.yml", ["train.manual_seed=6"]).options.run_seed == 6


def test_sections_can_be_made_in_code():
    made = DatasetOptions(mode="RGTNet", dataroot_GT="here", batch_size=2)
    assert (made.kind, made.roots()) == ("reference", {"dataroot_GT": Path("here")})


def test_notices_reach_the_log(good, tmp_path, caplog):
    file = tmp_path / "f.yml"
    file.write_text(good.replace("scale: 4", "scale: 4\nRef_color: RGB"))
    with caplog.at_level("INFO"):
        assert isinstance(load_options(file), Options)
    assert f"{file}:4: Ref_color: does nothing" in caplog.text


def test_reading_options_loads_nothing_heavy():
    script = "import sys, refsr.core.options; print({'torch', 'cv2', 'numpy', 'scipy', 'rasterio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
