"""Every kind of mistake gives its exact line."""

from __future__ import annotations

import pytest

from refsr.core.errors import OptionsError
from refsr.core.options import examine, load_options
from refsr.core.options.load import examine_text


def lines(text: str, *overrides: str, paths: bool = False) -> list[str]:
    examined = examine_text(text, "f.yml", overrides, paths=paths)
    assert (examined.options is None) == bool(examined.problems)
    return [str(problem) for problem in examined.problems]


def test_the_good_file_is_good(good):
    assert lines(good) == []


# What is replaced in the good file, by what, and the lines that must come of it.
REPLACED = {
    "slip in a key": ("GT_size", "GT_sise", ["f.yml:13: datasets.train.GT_sise: unknown key; did you mean 'GT_size'?"]),
    "slip in a needed key": ("niter:", "nitter:", ["f.yml:27: train.nitter: unknown key; did you mean 'niter'?"]),
    "a folder's name in a key": (
        "dataroot_GT:",
        "dataroot_HR:",
        ["f.yml:7: datasets.train.dataroot_HR: unknown key; did you mean 'dataroot_GT'?"],
    ),
    "missing": ("  niter: 1000\n", "", ["f.yml:26: train.niter: is missing"]),
    "key of another section": (
        "scale: 4",
        "scale: 4\nval_freq: 3",
        ["f.yml:4: val_freq: unknown key; it belongs under train"],
    ),
    "unlike any key": ("scale: 4", "scale: 4\nzebra: 3", ["f.yml:4: zebra: unknown key"]),
    "text for a number": ("scale: 4", "scale: four", ["f.yml:3: scale: 'four' is not a whole number"]),
    "quoted number": ("scale: 4", "scale: '4'", ["f.yml:3: scale: '4' is not a whole number; did you mean 4?"]),
    "fraction": (
        "batch_size: 8",
        "batch_size: 8.5",
        ["f.yml:12: datasets.train.batch_size: 8.5 is not a whole number"],
    ),
    "float for a whole number": (
        "niter: 1000",
        "niter: 1e3",
        ["f.yml:27: train.niter: 1000.0 is not a whole number; did you mean 1000?"],
    ),
    "number for text": ("name: try", "name: 012.5", ['f.yml:1: name: 12.5 is not text; did you mean "012.5"?']),
    "truth for a number": ("scale: 4", "scale: true", ["f.yml:3: scale: true is not a whole number"]),
    "yes": (
        "GT_size: 64",
        "use_flip: yes",
        ["f.yml:13: datasets.train.use_flip: 'yes' is not a truth value; did you mean true?"],
    ),
    "off": (
        "GT_size: 64",
        "use_flip: Off",
        ["f.yml:13: datasets.train.use_flip: 'Off' is not a truth value; did you mean false?"],
    ),
    "one for true": (
        "GT_size: 64",
        "use_flip: 1",
        ["f.yml:13: datasets.train.use_flip: 1 is not true or false; did you mean true?"],
    ),
    "number for a list": (
        "lr_G: 1e-4",
        "lr_steps: 10",
        ["f.yml:28: train.lr_steps: 10 is not a list; did you mean [10]?"],
    ),
    "list without brackets": (
        "lr_G: 1e-4",
        "lr_steps: 10, 20",
        ["f.yml:28: train.lr_steps: '10, 20' is not a list; did you mean [10, 20]?"],
    ),
    "value for a section": ("scale: 4", "scale: 4\npath: exp", ["f.yml:4: path: 'exp' is not a section of keys"]),
    "list for a section": ("scale: 4", "scale: 4\npath: [1]", ["f.yml:4: path: a list is not a section of keys"]),
    "no value": ("niter: 1000", "niter:", ["f.yml:27: train.niter: has no value; it must be a whole number"]),
    "choice": (
        "lr_G: 1e-4",
        "lr_scheme: Multistep",
        [
            "f.yml:28: train.lr_scheme: 'Multistep' is not one of constant, MultiStepLR, CosineAnnealingLR_Restart, "
            "linear, cosine; did you mean MultiStepLR?"
        ],
    ),
    "below the range": ("scale: 4", "scale: 0", ["f.yml:3: scale: 0 is out of range: it must be at least 1"]),
    "above the range": (
        "lr_G: 1e-4",
        "beta1_G: 1.0",
        ["f.yml:28: train.beta1_G: 1.0 is out of range: it must be less than 1"],
    ),
    "too few entries": (
        "GT_size: 64",
        "range: [0]",
        ["f.yml:13: datasets.train.range: has length 1; it must be at least 2"],
    ),
    "name as a path": ("name: try", "name: a/b", ["f.yml:1: name: 'a/b' cannot be a name of a folder"]),
    "fullwidth comma": (
        "lr_G: 1e-4",
        "lr_steps: [100, 200，300]",
        [
            "f.yml:28: train.lr_steps[1]: '200，300' has '，' (fullwidth comma, U+FF0C) where ',' belongs; "
            "did you mean 200, 300?"
        ],
    ),
    "fullwidth digits": (
        "GT_size: 64",
        "GT_size: ６4",
        [
            "f.yml:13: datasets.train.GT_size: '６4' has '６' (fullwidth digit six, U+FF16) where '6' belongs; "
            "did you mean 64?"
        ],
    ),
    "minus sign": (
        "lr_G: 1e-4",
        "lr_G: 1e−4",
        ["f.yml:28: train.lr_G: '1e−4' has '−' (minus sign, U+2212) where '-' belongs; did you mean 1e-4?"],
    ),
    "fullwidth colon": (
        "scale: 4",
        "scale：4",
        ["f.yml:3: the key has '：' (fullwidth colon, U+FF1A) where ':' belongs"],
    ),
    "ideographic full stop in broken YAML": (
        "lr_G: 1e-4",
        "lr_steps: [1、2\n  x: 1",
        [
            "f.yml:29: not YAML: expected ',' or ']', but got ':' while parsing a flow sequence from line 28; "
            "a line here has '、' (ideographic comma, U+3001) where ',' belongs"
        ],
    ),
    "duplicate": (
        "scale: 4",
        "scale: 4\nname: b",
        ["f.yml:4: name: the key stands here a second time (first on line 1)"],
    ),
    "tab": ("    GT_size", "\tGT_size", ["f.yml:13: a tab in the indentation; YAML indents with spaces"]),
    "no space": ("scale: 4", "scale:4", ["f.yml:3: no space after the colon of 'scale'"]),
    "tab after a colon": ("scale: 4", "scale:\t4", ["f.yml:3: a tab between words; YAML wants a space"]),
    "tag that runs code": (
        "name: try",
        "name: !!python/object/apply:os.system ['true']",
        ["f.yml:1: name: tag '!!python/object/apply:os.system' would run code and is refused; write the plain value"],
    ),
    "unknown tag": (
        "name: try",
        "name: !run try",
        ["f.yml:1: name: tag '!run' is not needed and not known here; write the plain value"],
    ),
    "merge of no section": ("<<: *val", "<<: 3", ["f.yml:22: datasets.val_2: << merges sections only"]),
    "alias of nothing": ("<<: *val", "<<: *vat", ["f.yml:22: datasets.val_2: alias '*vat' names no anchor above it"]),
    "alias of itself": (
        "scale: 4",
        "scale: 4\npath: &p {root: *p}",
        ["f.yml:4: path.root: alias '*p' stands inside what it names"],
    ),
    "key that is no word": ("scale: 4", "scale: 4\n? [a]\n: 1", ["f.yml:4: a key must be a word"]),
    "not a number": ("lr_G: 1e-4", "lr_G: .nan", ["f.yml:28: train.lr_G: '.nan' is not a finite number"]),
    "infinity": ("lr_G: 1e-4", "lr_G: -.inf", ["f.yml:28: train.lr_G: '-.inf' is not a finite number"]),
    "overflow": ("lr_G: 1e-4", "lr_G: 1e999", ["f.yml:28: train.lr_G: '1e999' is too large for a number"]),
    "very long number": (
        "niter: 1000",
        f"niter: {'1' * 30}",
        [f"f.yml:27: train.niter: '{'1' * 30}' has too many digits"],
    ),
    "octal": (
        "GT_size: 64",
        "GT_size: 0100",
        ["f.yml:13: datasets.train.GT_size: '0100' has a leading zero, which some readers take for octal"],
    ),
    "base 60": (
        "niter: 1000",
        "niter: 16:40",
        ["f.yml:27: train.niter: '16:40' has colons, which some readers take for base 60"],
    ),
    "hexadecimal": (
        "niter: 1000",
        "niter: 0x3e8",
        ["f.yml:27: train.niter: '0x3e8' is not written in decimal digits"],
    ),
    "underscores": (
        "niter: 1000",
        "niter: 1_00_0",
        ["f.yml:27: train.niter: '1_00_0' has misplaced underscores; did you mean 1000?"],
    ),
    "unclosed": (
        "scale: 4",
        "scale: [4",
        ["f.yml:4: not YAML: expected ',' or ']', but got ':' while parsing a flow sequence from line 3"],
    ),
    "control character": ("try", "t\x07y", ["f.yml:1: character U+0007 cannot stand in YAML"]),
    "half a character": ("try", '"\\ud800"', ["f.yml:1: name: half a surrogate pair is no character"]),
    "escape out of range": ("try", '"\\U00110000"', ["f.yml:1: not YAML: an escape or number is out of range"]),
    "second document": (
        "scale: 4",
        "scale: 4\n---\na: 1",
        ["f.yml:4: a second document starts here; an option file is one"],
    ),
    "unknown model": (
        "RRSNet_model",
        "RSRNet_model",
        ["f.yml:2: model: task 'RSRNet_model' is not known; did you mean 'RRSNet_model'?"],
    ),
    "unknown network": (
        "which_model_G: RRSNet",
        "which_model_G: RRSNett",
        ["f.yml:25: network_G.which_model_G: network 'RRSNett' is not known; did you mean 'RRSNet'?"],
    ),
    "unknown mode": (
        "  train:\n    mode: RRSNet",
        "  train:\n    mode: referense",
        ["f.yml:6: datasets.train.mode: dataset 'referense' is not known; did you mean 'reference'?"],
    ),
    "unknown data set": ("  val_2:", "  vall:", ["f.yml:21: datasets.vall: unknown data set; did you mean 'val'?"]),
}


@pytest.mark.parametrize(("old", "new", "expected"), REPLACED.values(), ids=REPLACED)
def test_a_mistake_gives_its_line(good, old, new, expected):
    assert good.count(old) >= 1
    assert lines(good.replace(old, new, 1)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yml:1: the file is empty"),
        ("# only words\n", "f.yml:1: the file is empty"),
        ("- a\n", "f.yml:1: an option file is a section of keys, `key: value`"),
        ("4", "f.yml:1: an option file is a section of keys, `key: value`"),
        ("a: " + "[" * 100_000, "f.yml:1: nested more than 24 levels deep"),
        (
            "a0: &a0 [1, 1, 1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20)),
            "f.yml:1: more than 20000 values, aliases counted as often as they are used",
        ),
        (
            "a0: &a0 {x: 1}\n"
            + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 20)),
            "f.yml:1: more than 20000 values, aliases counted as often as they are used",
        ),
    ],
)
def test_no_options_at_all_is_one_line(text, expected):
    (line,) = lines(text)
    assert line.partition(": ")[2] == expected.partition(": ")[2]


def test_all_mistakes_of_a_file_come_at_once_in_its_order(good):
    broken = good.replace("scale: 4", "scale: four").replace("GT_size", "GT_sise").replace("1e-4", "-1")
    assert lines(broken + "name: again\n", "train.nitter=3", "nonsense") == [
        "f.yml:3: scale: 'four' is not a whole number",
        "f.yml:13: datasets.train.GT_sise: unknown key; did you mean 'GT_size'?",
        "f.yml:28: train.lr_G: -1 is out of range: it must be more than 0",
        "f.yml:29: name: the key stands here a second time (first on line 1)",
        "command line: 'nonsense' is not of the form key=value, such as train.lr_G=1e-4",
        "command line: train.nitter: unknown key; did you mean 'niter'?",
    ]


def test_what_stands_before_broken_yaml_is_checked_too(good):
    broken = good.replace("GT_size", "GT_sise").replace("lr_G: 1e-4", "lr_steps: [1\n  val_freq: x\n")
    assert lines(broken) == [
        "f.yml:13: datasets.train.GT_sise: unknown key; did you mean 'GT_size'?",
        "f.yml:29: not YAML: expected ',' or ']', but got ':' while parsing a flow sequence from line 28",
    ]
    assert lines(good.replace("scale: 4", "scale: x").replace("lr_G: 1e-4", "lr_G: a: b")) == [
        "f.yml:3: scale: 'x' is not a whole number",
        "f.yml:28: not YAML: mapping values are not allowed here",
    ]


def test_a_mistake_does_not_hide_contradictions_elsewhere(good):
    broken = good.replace("GT_size: 64", "GT_size: 66").replace("1e-4", "-1")
    assert lines(broken) == [
        "f.yml:13: datasets.train.GT_size: 66 is not a multiple of scale 4; 64 or 68 would be",
        "f.yml:28: train.lr_G: -1 is out of range: it must be more than 0",
    ]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train.lr_G"], "'train.lr_G' is not of the form key=value, such as train.lr_G=1e-4"),
        (["=3"], "'=3' is not of the form key=value, such as train.lr_G=1e-4"),
        (["train..lr_G=3"], "'train..lr_G=3' is not of the form key=value, such as train.lr_G=1e-4"),
        (
            ["train.lr_steps=[1"],
            "train.lr_steps: not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence",
        ),
        (["scale.x=1"], "scale.x: scale is no section, so it has no key below it"),
        (["train.lr_G=on"], "train.lr_G: 'on' is not a number"),
        (
            ["name=!!python/name:os.system x"],
            "name: tag '!!python/name:os.system' would run code and is refused; write the plain value",
        ),
        (["datasets.train.GT_size=66"], "datasets.train.GT_size: 66 is not a multiple of scale 4; 64 or 68 would be"),
        (["nam\udce9=x"], "'nam\\udce9=x' is not UTF-8"),
        (["name=\udce9"], "name: character U+DCE9 cannot stand in YAML"),
    ],
)
def test_a_mistake_on_the_command_line_is_told_as_such(good, words, expected):
    assert lines(good, *words) == [f"command line: {expected}"]


def test_files_that_cannot_be_read_are_one_line(tmp_path):
    (tmp_path / "train.yml").write_text("a: 1")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "options.yml").write_text("a: 1")
    (tmp_path / "latin.yml").write_bytes(b"a: 1\nb: \xe9\n")
    (tmp_path / "wide.yml").write_bytes("a: 1".encode("utf-16"))
    (tmp_path / "long.yml").write_bytes(b"#" * 300_000)
    expected = {
        "trian.yml": f"{tmp_path}/trian.yml: no such file; did you mean '{tmp_path}/train.yml'?",
        "": f"{tmp_path}: is a folder, not an option file",
        "run": f"{tmp_path}/run: is a folder, not an option file; did you mean '{tmp_path}/run/options.yml'?",
        "latin.yml": f"{tmp_path}/latin.yml:2: byte 0xe9 is not UTF-8; save the file as UTF-8",
        "wide.yml": f"{tmp_path}/wide.yml:1: the text is UTF-16; save it as UTF-8",
        "long.yml": f"{tmp_path}/long.yml: is larger than 256 KiB; is it an option file?",
        "a\0b": f"{tmp_path}/a\0b: cannot be read: embedded null byte",
    }
    for name, line in expected.items():
        assert [str(problem) for problem in examine(tmp_path / name).problems] == [line]


def test_folders_are_looked_for_only_on_request(good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert lines(good) == []
    (tmp_path / "a").mkdir()
    (tmp_path / "bb").write_text("")
    here = lines(
        good, "datasets.train.dataroot_LQ=aa/x", "path.pretrain_model_D=a", "datasets.val_2.dataroot_GT=bb", paths=True
    )
    assert here == [
        f"command line: datasets.train.dataroot_LQ: no folder 'aa/x' (from {tmp_path})",
        "command line: datasets.val_2.dataroot_GT: 'bb' is not a folder",
        "command line: path.pretrain_model_D: 'a' is not a file",
    ]
    (tmp_path / "a" / "x").mkdir()
    assert lines(good, "datasets.train.dataroot_LQ=aaa/x", "datasets.val_2.dataroot_GT=a", paths=True) == [
        f"command line: datasets.train.dataroot_LQ: no folder 'aaa/x' (from {tmp_path})"
    ]
    assert lines(good, "datasets.train.dataroot_LQ=A/x", "datasets.val_2.dataroot_GT=a", paths=True) == [
        "command line: datasets.train.dataroot_LQ: no folder 'A/x'; did you mean 'a/x'?"
    ]


def test_the_error_carries_its_problems(tmp_path, good):
    file = tmp_path / "f.yml"
    file.write_text(good.replace("scale: 4", "scale: four").replace("64", "x"))
    with pytest.raises(OptionsError) as raised:
        load_options(file)
    assert [problem.path for problem in raised.value.problems] == [("scale",), ("datasets", "train", "GT_size")]
    assert str(raised.value).startswith(f"2 mistakes in the options\n{file}:3: scale: ")
    assert raised.value.exit_code == 2
