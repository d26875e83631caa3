"""Work over processes: all of it, one thread each, errors as they were raised, and no worker left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from refsr.core.errors import DataError, RefsrError
from refsr.core.processes import ONE_THREAD, begin_aside, spread


def square(number: int) -> int:
    return number * number


def threads(_: int) -> str | None:
    return os.environ.get(ONE_THREAD[0])


def refuse(number: int) -> int:
    if number == 2:
        raise DataError("two is wrong")
    return number


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave_word(target: Path) -> None:
    os.kill(os.getpid(), signal.SIGINT)
    target.write_text(f"{os.environ[ONE_THREAD[0]]} {os.nice(0)}")


@pytest.mark.skipif(not hasattr(os, "nice"), reason="this system has no priorities by number")
def test_work_aside_has_one_thread_and_low_priority_and_leaves_interrupts_to_us(tmp_path: Path) -> None:
    process = begin_aside(leave_word, tmp_path / "word")
    process.join()
    assert process.exitcode == 0
    assert (tmp_path / "word").read_text() == f"1 {min(19, os.nice(0) + 10)}"


@pytest.mark.parametrize("workers", [1, 3])
def test_every_item_is_worked_on(workers: int) -> None:
    with spread(square, range(7), workers) as results:
        assert sorted(results) == [number * number for number in range(7)]


def test_workers_have_one_thread_and_we_keep_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONE_THREAD[0], "5")
    monkeypatch.delenv(ONE_THREAD[1], raising=False)
    with spread(threads, [0], 2) as results:
        assert list(results) == ["1"]
    assert os.environ[ONE_THREAD[0]] == "5"
    assert ONE_THREAD[1] not in os.environ


def test_errors_come_through() -> None:
    with pytest.raises(DataError, match="two is wrong"), spread(refuse, range(4), 2) as results:
        list(results)


def test_a_dead_worker_is_one_line() -> None:
    with pytest.raises(RefsrError, match="a worker process died"), spread(die, range(2), 1) as results:
        list(results)


def test_leaving_early_hands_over_every_result_there_is() -> None:
    kept: list[int] = []
    yielded: list[int] = []

    def stop_after_three(results: Iterator[int]) -> None:
        for result in results:
            yielded.append(result)
            if len(yielded) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), spread(square, range(40), 2, on_early_exit=kept.append) as results:
        stop_after_three(results)
    assert set(yielded) <= set(kept)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= {number * number for number in range(40)}


def test_errors_hand_over_the_results_of_the_others() -> None:
    kept: list[int] = []
    with pytest.raises(DataError, match="two is wrong"), spread(refuse, range(4), 1, kept.append) as results:
        list(results)
    # One worker takes the items in order.
    assert kept[:2] == [0, 1]
    assert 2 not in kept
