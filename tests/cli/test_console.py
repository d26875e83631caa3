"""What is shown of work that goes on."""

from __future__ import annotations

import pytest

from refsr.cli import console


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_lines_tell_the_time_left_from_what_was_done_now(clock, capsys):
    with console.Lines("training", 1000) as bar:
        bar.skip(800)
        clock[0] = 20
        bar.advance(10, "loss 3")
    assert capsys.readouterr().err.splitlines() == [
        "training: 810/1000, about 6 min left loss 3",
        "training: done: 810/1000 in 20.0 s",
    ]


def test_lines_promise_no_time_before_anything_was_done(clock, capsys):
    with console.Lines("training", 1000) as bar:
        bar.skip(800)
        clock[0] = 20
        bar.advance(0, "waiting")
    assert capsys.readouterr().err.splitlines()[0] == "training: 800/1000 waiting"


def test_lines_come_no_oftener_than_every_ten_seconds(clock, capsys):
    with console.Lines("packing", 100) as bar:
        for _ in range(40):
            clock[0] += 1
            bar.advance()
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()[:-1]] == [
        f"packing: {done}/100" for done in (10, 20, 30, 40)
    ]


def test_a_bar_goes_on_from_what_was_done_before():
    bar = console.Bar("training", 1000)
    bar.skip(800)
    bar.advance(10)
    assert bar._bar.tasks[0].completed == 810
