"""`refsr archive` as it is typed: what it refuses, its dry run, its exit codes and its status."""

from __future__ import annotations

import pytest
from made_archives import HERE, write_scenes

from refsr.archive import cluster
from refsr.cli import archive
from refsr.cli.main import main
from refsr.core.errors import UsageError


@pytest.fixture
def words(enlarging, tmp_path):
    """A command for two scenes with references, and one that is cut."""
    write_scenes(tmp_path, 2)
    (tmp_path / "LR" / "cut.tif").write_bytes((tmp_path / "LR" / "small-000.tif").read_bytes()[:900])
    options = [
        "--register",
        "none",
        "--device",
        "cpu",
        "--import",
        str(HERE / "enlarging.py"),
        "--model",
        str(enlarging),
    ]
    return ["archive", str(tmp_path / "LR"), "--refs", str(tmp_path / "Ref"), "-o", str(tmp_path / "out"), *options]


def test_scenes_set_aside_are_counted_and_the_exit_code_says_it(words, tmp_path, immediate, capsys):
    immediate()
    assert main(words) == 3
    said = capsys.readouterr()
    assert f"{tmp_path / 'out'}: 2 scenes done, 1 set aside" in said.out
    assert "cut: set aside: " in said.err
    assert (tmp_path / "out" / "index.html").exists()
    assert main(["archive", "--status", str(tmp_path / "out")]) == 3
    status = capsys.readouterr().out
    assert "2 of 3 scenes done, 0 left, 1 set aside; " in status
    assert "no command on this machine is at work" in status
    (tmp_path / "LR" / "cut.tif").unlink()
    assert main(words) == 0


def test_a_dry_run_names_references_and_writes_nothing(words, tmp_path, capsys):
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "small-000: references: small-000-ref covers 100% (of 1)" in said
    assert "3 scenes: 0 are done, 3 to restore, 0 would be set aside" in said
    assert "cut: cannot be restored: " in said
    assert "small-000: result: 96x96" in said
    assert not (tmp_path / "out").exists()


def test_a_misspelt_column_of_a_catalog_is_said(words, tmp_path, capsys):
    table = tmp_path / "scenes.csv"
    table.write_text(f"path,cloud_cvoer\n{tmp_path / 'LR' / 'small-000.tif'},10\n")
    assert main(["archive", str(table), *words[2:], "--dry-run"]) == 0
    assert "column 'cloud_cvoer' is ignored; did you mean cloud_cover?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["archive"], "expected CATALOG -o OUT, or --status OUT"),
        (["archive", "LR", "-o", "out", "--workers", "0"], "--workers 0: expected 1 or more"),
        (["archive", "LR", "-o", "out", "--best", "0"], "--best 0: expected 1 or more"),
        (["archive", "LR", "-o", "out", "--tile", "0"], "--tile 0: expected 1 or more"),
        (["archive", "LR", "-o", "out", "--workers", "2", "--scheduler", "tcp://h:1"], "a scheduler has its own"),
    ],
)
def test_wrong_arguments_are_named(given, message, capsys):
    assert main(given) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("out", ["LR", "LR/out", "Ref/out"])
def test_results_among_the_scenes_are_refused(words, tmp_path, out, capsys):
    """The same command would take them for scenes, or references, when it goes on."""
    assert main([*words, "-o", str(tmp_path / out), "--dry-run"]) == 2
    assert "results would be taken for rasters of the catalog" in capsys.readouterr().err


def test_a_folder_without_an_archive_has_no_status(tmp_path, capsys):
    assert main(["archive", "--status", str(tmp_path)]) == 1
    assert f"{tmp_path}: holds no archive" in capsys.readouterr().err


def test_missing_packages_are_named_with_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(archive, "PACKAGES", ("distributed_of_old",))
    assert main(["archive", str(tmp_path), "-o", str(tmp_path / "out")]) == 1
    assert "archives need distributed_of_old; pip install 'refsr[geo,archive]'" in capsys.readouterr().err


def test_a_scheduler_that_does_not_answer_is_one_line(words, monkeypatch, capsys):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 0.2)
    assert main([*words, "--scheduler", "tcp://127.0.0.1:9"]) == 1
    assert "tcp://127.0.0.1:9: no scheduler answers there" in capsys.readouterr().err


class Versions:
    """A client whose one worker has other versions."""

    def __init__(self, **theirs):
        self._theirs = theirs

    def get_versions(self, packages):
        own = dict.fromkeys(packages, "1.0")
        return {
            "client": {"packages": own, "host": {"python": "3.11"}},
            "workers": {"tcp://a:1": {"packages": {**own, **self._theirs}, "host": {"python": "3.11"}}},
        }


def test_other_versions_of_workers_are_printed_and_another_refsr_is_refused():
    lines: list[str] = []
    cluster.compare_versions(Versions(), lines.append)
    assert lines == []
    cluster.compare_versions(Versions(torch="2.0"), lines.append)
    assert lines == ["worker tcp://a:1 has other versions: torch 2.0 (here 1.0)"]
    for version, said in (("0.9", "has refsr 0.9"), (None, "has no refsr")):
        with pytest.raises(UsageError, match=said):
            cluster.compare_versions(Versions(refsr=version), lines.append)
