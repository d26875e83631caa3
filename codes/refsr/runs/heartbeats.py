"""The heartbeats of a run: which of its processes give signs of life, and which are behind the others."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import torch.distributed as distributed

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

BEAT = 1.0
"""Seconds between two signs of life."""
LISTENING = 10.0
"""Seconds without a sign after which a process counts as silent."""

NO_ANSWER = "the store of the run, which process 0 or its launcher keeps, gives no answer"


class Heartbeats:
    """Each process writes into the store of the run a count that grows, and how many exchanges it has entered.

    An exchange that does not end tells no process for whom it waits. No clocks of two machines are compared.
    """

    def __init__(self, store: Store, rank: int, world: int) -> None:
        self._store, self._rank, self._world = store, rank, world
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self.exchanges = 0
        """How many exchanges this process has entered."""

    @staticmethod
    def of_run(rank: int, world: int) -> Heartbeats:
        """With a connection of its own to the store at which the processes of this run met."""
        address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        patience = timedelta(seconds=LISTENING)
        store = distributed.TCPStore(address, port, is_master=False, timeout=patience)  # type: ignore[attr-defined]
        return Heartbeats(of_this_attempt(store), rank, world)

    @contextlib.contextmanager
    def sent(self) -> Iterator[None]:
        """Sends heartbeats, in a thread, while the block runs."""
        self._start(self._send)
        try:
            yield
        finally:
            self._over.set()
            # Python aborts if it ends while a thread comes back from the store.
            for thread in self._threads:
                thread.join(LISTENING)

    def _start(self, work: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def missing(self) -> str:
        """For which processes this one waits, in words; listens for a while before it says so."""
        heard: list[str] = []
        # A thread of its own, because a question to a store whose process is stopped never ends.
        self._start(lambda: heard.append(self._listen())).join(2 * LISTENING)
        return heard[0] if heard else NO_ANSWER

    def _listen(self) -> str:
        entered = self.exchanges
        try:
            before = self._signs()
            now = before if self._over.wait(LISTENING) else self._signs()
        except RuntimeError:
            return NO_ANSWER
        silent = [rank for rank in now if now[rank] == before[rank]]
        late = [rank for rank, sign in now.items() if rank not in silent and sign is not None and sign[1] < entered]
        found = [f"no sign of life of {_named(silent)}"] if silent else []
        found += [f"{_named(late)} not here yet"] if late else []
        return ", ".join(found) or "all processes are here and give signs of life"

    def _send(self) -> None:
        # The store goes with the launcher or with process 0; then nobody asks any more.
        with contextlib.suppress(RuntimeError):
            for beat in itertools.count():
                self._store.set(self._key(self._rank), json.dumps([beat, self.exchanges]))
                if self._over.wait(BEAT):
                    return

    def _signs(self) -> dict[int, tuple[int, int] | None]:
        """Count and exchanges of every other process."""
        others = [rank for rank in range(self._world) if rank != self._rank]
        return {rank: self._sign(self._key(rank)) for rank in others}

    def _sign(self, key: str) -> tuple[int, int] | None:
        if not self._store.check([key]):
            return None
        beat, entered = json.loads(self._store.get(key))
        return beat, entered

    def _key(self, rank: int) -> str:
        return f"refsr/{rank}"


def of_this_attempt(store: Store) -> Store:
    """The part of a store that is this attempt's, where a launcher starts processes again and keeps the store.

    Without it, processes could find the addresses of those that are gone.
    """
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    part: Store = distributed.PrefixStore(f"attempt{attempt}", store)  # type: ignore[attr-defined]
    return part


def _named(ranks: Sequence[int]) -> str:
    return f"process{'es' if len(ranks) > 1 else ''} {', '.join(map(str, ranks))}"
