"""Whether the pages of an LMDB file are there and hang together.

LMDB maps the file and trusts it: touching a page behind the end of a cut file is a bus error, and following an offset
that a disk has scrambled may end the process as well. So pages are read here, as bytes, before LMDB maps them. Images
lie on overflow pages, of which only the place is checked; their bytes are for digests.

The layout is that of LMDB 0.9 (data version 1) on 64-bit machines; another is left to LMDB, which refuses it.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path

from refsr.core.errors import StoreError

MAGIC, VERSION = 0xBEEFC0DE, 1
META = struct.Struct("=16x II 16x 48s 48s QQ")
"""Magic, version, the trees of free pages and of records, last page, transaction."""
TREE = struct.Struct("=I HH 32x Q")
"""Page size (in the first tree), flags, depth, root."""
PAGE, NODE, NUMBER = struct.Struct("=QHHHH"), struct.Struct("=HHHH"), struct.Struct("=Q")
PAGE_SIZES = tuple(1 << power for power in range(9, 17))
BRANCH, LEAF = 0x01, 0x02
ON_OVERFLOW_PAGES = 0x01
NO_PAGE = 2**64 - 1


def check_pages(file: Path) -> None:
    """Raises a StoreError if LMDB could not read every record of `file`."""
    with file.open("rb") as handle:
        found = _File(file.parent, handle.fileno())
        for root, depth in found.trees():
            found.check_tree(root, depth)


class _File:
    """An LMDB file, read page by page."""

    def __init__(self, store: Path, descriptor: int) -> None:
        self._store, self._descriptor = store, descriptor
        self._length = os.fstat(descriptor).st_size
        self._page_size = 0

    def trees(self) -> Iterator[tuple[int, int]]:
        """Root and depth of both trees as the newest transaction left them; none if this is no LMDB that we know."""
        first = self._meta(0)
        if first is None:
            return
        self._page_size = TREE.unpack(first[2])[0]
        if self._page_size not in PAGE_SIZES:
            raise StoreError(
                f"{self._store}: is damaged: says that a page has {self._page_size} bytes; delete it and pack again"
            )
        second = self._meta(self._page_size)
        newest = first if second is None or first[5] > second[5] else second
        for tree in newest[2:4]:
            *_, depth, root = TREE.unpack(tree)
            if root != NO_PAGE:
                yield root, depth

    def check_tree(self, root: int, depth: int) -> None:
        level = [root]
        for below in reversed(range(depth)):
            level = [number for page in level for number in self._check_page(page, LEAF if below == 0 else BRANCH)]

    def _meta(self, place: int) -> tuple[int, int, bytes, bytes, int, int] | None:
        found = META.unpack(self._bytes(place, META.size))
        return found if found[:2] == (MAGIC, VERSION) else None

    def _check_page(self, number: int, kind: int) -> Iterator[int]:
        """The pages below a branch; of a leaf none, but each of its records must lie inside the file."""
        data = self._bytes(number * self._page_size, self._page_size)
        own, _, flags, lower, upper = PAGE.unpack_from(data)
        if own != number or not flags & kind or not PAGE.size <= lower <= upper <= self._page_size:
            raise self._damaged(number)
        for at in struct.unpack_from(f"={(lower - PAGE.size) // 2}H", data, PAGE.size):
            if not upper <= at <= self._page_size - NODE.size:
                raise self._damaged(number)
            low, high, node_flags, key_size = NODE.unpack_from(data, at)
            start = at + NODE.size + key_size
            size = 0 if kind == BRANCH else low | high << 16
            on_overflow_pages = kind == LEAF and bool(node_flags & ON_OVERFLOW_PAGES)
            if start + (NUMBER.size if on_overflow_pages else size) > self._page_size:
                raise self._damaged(number)
            if on_overflow_pages:
                (first,) = NUMBER.unpack_from(data, start)
                self._need(first * self._page_size + PAGE.size + size)
            elif kind == BRANCH:
                yield low | high << 16 | node_flags << 32

    def _bytes(self, place: int, size: int) -> bytes:
        self._need(place + size)
        return os.pread(self._descriptor, size, place)

    def _need(self, end: int) -> None:
        if end > self._length:
            raise StoreError(
                f"{self._store}: cut short: {self._length} bytes are here, at least {end} were written; "
                "copy it again, or delete it and pack again"
            )

    def _damaged(self, number: int) -> StoreError:
        return StoreError(f"{self._store}: page {number} of its index is damaged; delete it and pack again")
