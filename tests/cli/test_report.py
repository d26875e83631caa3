"""The command: a page where it is wanted, one line a mistake, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refsr.cli.main import main
from refsr.evaluation.results import Results, Score


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "experiments" / "net" / "results" / "val"
    scores = [
        Score(f"i{number}", method, "p", "psnr", value + number)
        for number in range(3)
        for method, value in (("bicubic", 20.0), ("net", 22.0))
    ]
    Results("net", "set", 4, ["bicubic", "net"], {"p": "words"}, {"psnr": {"unit": "dB"}}, scores).write(folder)
    return folder


def test_the_page_goes_into_the_first_run_or_where_asked(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = results.parents[1]
    assert main(["report", str(run)]) == 0
    assert f"{run / 'report.html'}: " in capsys.readouterr().out
    assert "+2.00" in (run / "report.html").read_text()
    assert main(["report", str(results), "-o", str(tmp_path / "new" / "page.html")]) == 0
    assert (tmp_path / "new" / "page.html").is_file()
    assert main(["report", str(run), "-o", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").is_file()


def test_what_is_missing_is_said(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(results.parents[1])]) == 0
    said = capsys.readouterr().err
    assert "note: no training log" in said
    assert "note: the results of net contain no pictures" in said


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["{runs}/nets"], 1, "no such run; did you mean 'net'?"),
        (["{runs}"], 1, "contains neither log.jsonl nor results"),
        (["{runs}/net", "--order", "best"], 2, "order 'best' is not known (known: gain, psnr)"),
        (["{runs}/net", "--protocol", "q"], 2, "protocol 'q' is not among these results (there are: p)"),
        (["{runs}/net", "--examples", "-2"], 2, "-2 examples cannot be shown"),
        (["{runs}/net", "-o", "{runs}/net/results/val/results.json/x.html"], 1, "results.json"),
        ([], 2, "RUN"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], code: int, says: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = results.parents[2]
    assert main(["report", *(word.format(runs=runs) for word in words)]) == code
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("refsr: ")]
    assert len(said) == 1
    assert says in said[0]
    assert "internal error" not in said[0]


def test_damaged_results_are_one_line(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = results / "results.json"
    whole = file.read_text()
    for text in ("", "{", whole[:-40], json.dumps(json.loads(whole) | {"methods": 3}), "[]", "null"):
        file.write_text(text)
        assert main(["report", str(results)]) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "results.json" in said
        assert "internal error" not in said
