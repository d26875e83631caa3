"""Code in the pages does what it says: Python is run, commands are parsed and the cheap ones run, YAML is checked."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from pages import REPOSITORY, Block, blocks, commands, pages

from onnx_files import write_blending
from refsr.cli.main import COMMANDS, Parser, _parsed, main
from refsr.core.options.load import load_options
from refsr.data.images import read_image, write_image

BLOCKS = [block for page, text in pages().items() for block in blocks(page, text)]
OWN_TEST = {
    "docs/own_network.md": "tests/networks/test_own_network.py",
    "docs/extend.md": "tests/docs/test_extend.py",
}
"""Pages whose Python and YAML another test runs as a whole."""
OTHER_PROGRAMS = ("qgis_process", "pip", "pytest", "mkdocs", "cd", "git")
LAUNCHERS = ("torchrun", "srun")
CALLS_REFSR = re.compile(r"^(scripts/(train|val|bench|quickstart|\w+_world)\.sh|codes/example/\w+/\w+\.sh)$")
"""Scripts that do nothing but call refsr, so that they can be run with another program of that name."""


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_every_block_is_of_a_kind_that_is_checked():
    known = {"", "sh", "bash", "python", "yaml", "text", "bibtex"}
    assert not [f"{block}: {block.language}" for block in BLOCKS if block.language not in known]
    assert all((REPOSITORY / test).is_file() for test in OWN_TEST.values())
    assert len(of("python")) >= 4
    assert len(of("", "sh")) >= 20
    assert len(of("yaml")) >= 8


# Commands.


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program `refsr` that only keeps what it was called with, a line a call."""
    folder = tmp_path_factory.mktemp("stub")
    program = folder / "refsr"
    program.write_text('#!/bin/sh\nfor word; do printf "%s\\037" "$word"; done >> "$CALLS"\necho >> "$CALLS"\n')
    program.chmod(0o755)
    return folder


def called(words: Sequence[str], stub: Path) -> Iterator[list[str]]:
    """What a script calls refsr with."""
    calls = stub / "calls"
    calls.write_text("")
    environment = os.environ | {"PATH": f"{stub}:{os.environ['PATH']}", "CALLS": str(calls)}
    subprocess.run(["sh", *words], cwd=REPOSITORY, env=environment, check=True, capture_output=True)
    for line in calls.read_text().splitlines():
        yield line.split("\x1f")[:-1]


def plain(words: Sequence[str]) -> list[str]:
    """A synopsis as a call: `[--flag NAME|OTHER]` and `...` as `--flag NAME`."""
    found = []
    for word in words:
        opened = re.sub(r"^\[+|\.\.\.\]?$", "", word)
        if opened != word or (word.endswith("]") and "[" not in word):
            opened = opened.rstrip("]")
        bare = opened.split("|")[0] if "|" in opened else opened
        if bare:
            found.append(bare)
    return found


def check_call(words: Sequence[str], where: object) -> None:
    """The command's own parser takes these words; option files are there, and take the words put over them."""
    name, *rest = plain(words)
    assert name in COMMANDS or name in ("--help", "--version"), f"{where}: refsr {name}"
    if name not in COMMANDS:
        return
    module = importlib.import_module(COMMANDS[name][0])
    parser = Parser(prog=f"{where}: refsr {name}")
    module.add_arguments(parser)
    _parsed(parser, rest)
    for file in (word for word in rest if re.match(r"options/.*\.yml$", word)):
        assert (REPOSITORY / file).is_file(), f"{where}: {file}"
        over = [word for word in rest if re.match(r"[\w.]+=", word) and word != "key=value"]
        if name in ("train", "val") and over:
            load_options(REPOSITORY / file, over)


def check_command(words: list[str], stub: Path, where: object) -> None:
    program, *rest = words
    if program in LAUNCHERS:
        program, rest = "refsr", rest[rest.index("refsr") + 1 :]
    if program == "refsr":
        check_call(rest, where)
    elif program == "sh":
        assert (REPOSITORY / rest[0]).is_file(), f"{where}: {rest[0]}"
        if CALLS_REFSR.match(rest[0]):
            calls = list(called(plain(rest), stub))
            assert calls, f"{where}: {rest[0]} calls nothing"
            for call in calls:
                check_call(call, f"{where}: {rest[0]}")
    elif program == "python":
        script = rest[1] if rest[0] == "-m" else rest[0]
        assert rest[0] in ("-m", "-c") or (REPOSITORY / script).is_file(), f"{where}: {script}"
        if script.endswith("create_lmdb.py"):
            check_call(["pack", *rest[1:]], where)
    else:
        assert program in OTHER_PROGRAMS, f"{where}: is {program!r} a command? A fence `text` is for other text"


SHELL = of("", "sh", "bash")


@pytest.mark.parametrize("page", sorted({block.page for block in SHELL}))
def test_commands_are_what_the_programs_take(page, stub):
    for block in (one for one in SHELL if one.page == page):
        for words in commands(block):
            check_command(words, stub, block)


@pytest.mark.parametrize(
    "line",
    ["refsr trian a.yml", "refsr val a.yml --protokol x", "refsr train options/rrsnet/none.yml", "sh scripts/none.sh"],
)
def test_a_wrong_command_is_found(line, stub):
    (words,) = commands(Block("page", 1, "", "", "", line))
    with pytest.raises(Exception, match=r"page|trian|protokol|none"):
        check_command(words, stub, "page")


# Option files.


def leaves(tree: object, path: str = "") -> Iterator[str]:
    """A tree of texts as `key=value` words."""
    if isinstance(tree, dict):
        for key, below in tree.items():
            yield from leaves(below, f"{path}.{key}" if path else key)
    else:
        yield f"{path}={flow(tree)}"


def flow(value: object) -> str:
    return f"[{', '.join(map(flow, value))}]" if isinstance(value, list) else str(value)


@pytest.mark.parametrize("block", [block for block in of("yaml") if block.page not in OWN_TEST], ids=str)
def test_option_files_are_right(block, tmp_path):
    if block.whole:
        words = list(leaves(yaml.load(block.text, Loader=yaml.BaseLoader), block.section))
        assert words
        load_options(REPOSITORY / block.whole, words)
    else:
        (tmp_path / "page.yml").write_text(block.text)
        load_options(tmp_path / "page.yml")


# What is run.


NARROW = ["network_G.nf=4", "network_G.deformable_groups=1", "gpu_ids=[]", "datasets.train.n_workers=0"]


@pytest.fixture(scope="module")
def first_hour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader of docs/first_hour.md has by its end, but for four places and two steps."""
    folder = tmp_path_factory.mktemp("hour")
    (page,) = (block.text for block in of("yaml") if block.page == "docs/first_hour.md")
    (folder / "options").symlink_to(REPOSITORY / "options")
    (folder / "mine.yml").write_text(page)
    with contextlib.chdir(folder) if hasattr(contextlib, "chdir") else _inside(folder):
        world = ["world", "quickstart/world", "--places", "4", "--val", "2", "--test", "1", "--size", "64"]
        assert main([*world, "--workers", "1"]) == 0
        words = ["mine.yml", "path.root=exp", *NARROW, "train.niter=2", "train.val_freq=0", "datasets.train.GT_size=32"]
        assert main(["train", *words]) == 0
        assert main(["val", *words, "--no-images"]) == 0
        shutil.copytree("exp/experiments/mine", "quickstart/experiments/quickstart_RRSNet")
        shutil.copy("exp/experiments/mine/checkpoints/2/G.safetensors", "G.safetensors")
        shutil.copy("quickstart/world/test/LR/000002.png", "scene.png")
        shutil.copy("quickstart/world/test/Ref/000002.png", "older.png")
        for name in ("scene", "older"):
            write_image(f"{name}.tif", read_image(f"{name}.png"))
        write_blending(Path("fast.onnx"))
        for kind in ("HR", "Ref"):
            shutil.copytree(f"quickstart/world/test/{kind}", f"my_images/{kind}")
    return folder


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Python 3.10 has no contextlib.chdir."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.mark.parametrize("block", [block for block in of("python") if block.page not in OWN_TEST], ids=str)
def test_python_runs(block, first_hour, monkeypatch):
    monkeypatch.chdir(first_hour)
    exec(compile(block.text, str(block), "exec"), {"__name__": "__page__"})


SET = [f"datasets.val.dataroot_{key}=my_set/{kind}" for key, kind in (("GT", "HR"), ("LQ", "LR"), ("Ref", "Ref"))]
SET += ["datasets.val.dataroot_LQ_UX4=my_set/LR_UX4", "datasets.val.dataroot_Ref_DUX4=my_set/Ref_DUX4", "path.root=exp"]
CHEAP = {
    "docs/first_hour.md": {
        "refsr info": [],
        "refsr options check mine.yml": [],
        "refsr train mine.yml --dry-run": [*NARROW, "datasets.train.GT_size=32"],
        "refsr restore --model quickstart": [],
        "refsr restore --lr scene.png --ref older.png -o sharper.png": [],
    },
    "docs/own_data.md": {
        "refsr prepare my_images my_set --scale 4": ["--workers", "0"],
        "refsr prepare my_images my_registered_set": ["--workers", "0"],
        "refsr prepare my_set my_set_reg": ["--workers", "0"],
        "refsr pack my_set my_set_lmdb": [],
        "refsr val options/rrsnet/train.yml --baselines": SET,
    },
}
"""By page, the beginnings of commands that are run as they stand there, and words that make them small."""


@pytest.mark.parametrize("page", CHEAP)
def test_cheap_commands_run(page, first_hour, monkeypatch):
    monkeypatch.chdir(first_hour)
    shown = [" ".join(words) for block in SHELL if block.page == page for words in commands(block)]
    for begins, more in CHEAP[page].items():
        (line,) = (one for one in shown if one.startswith(begins))
        assert main([*line.split()[1:], *more]) == 0, line
