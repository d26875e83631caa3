"""Restores an image tile by tile, so that memory grows with the tile and not with the image.

A network with a halo gives the same image as in one piece, but for rounding: a tile sees the halo around what is kept
of it, and the true border of the image where it reaches that, so that zero padding meets the same pixels.

What the halo leaves out is deformable sampling: a point moved beyond what the tile sees reads zeros where the whole
image has a feature. Measured for RRSNet x4 with one block and random weights scaled so that the reference counts, as
the largest difference over the standard deviation of what the reference does to the image: points moved by up to 8
pixels at every level, which at the coarsest is 32 of HR, give 1e-3 without a margin and rounding (4e-5) with 4 pixels;
up to 12, 0.1 and rounding with MARGIN; up to 16, 1 and 5e-4 with MARGIN; up to 32, seams that 16 pixels do not mend.
A wider halo has room of its own: with 8 blocks none of these show. Seen less than the halo, an overlap of 32 leaves
rounding with 8 blocks (halo 53) as with 16 (halo 97); one of 16 leaves 0.01 and 0.04, one of 8 leaves 0.4 and 0.7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from refsr.core.progress import ProgressFactory, no_progress
from refsr.data.images import Window
from refsr.inference.published_tiling import scanned
from refsr.inference.tile_layout import Layout, Sizes, Span, lay_out, window_of
from refsr.networks.descriptor import INPUTS
from refsr.tasks.base import Batch, Restore, Tile, TilesWithin
from refsr.tasks.inference import descriptor_of

SEAMLESS = "seamless"
"""Tiles that see what lies around them, so that no seam is left."""


class Source(Protocol):
    """Where tiles are cut from."""

    @property
    def sizes(self) -> Sizes: ...

    def cut(self, window: Window) -> Batch:
        """All members under a window of LR."""


@dataclass(frozen=True)
class Piece:
    """A part of the restored image at a place in it, in high-resolution pixels, weighted: pieces are added up."""

    top: int
    left: int
    image: Tensor
    """(B, C, H, W)."""


def restore_tiled(
    restore: Restore,
    network: nn.Module,
    batch: Batch,
    tile: int | None,
    overlap: int = 0,
    tiling: str = SEAMLESS,
) -> Tensor:
    """(B, C, H, W) members -> (B, C, s*H, s*W) by tiles of `tile` LR pixels that see `overlap` around them.

    `tile` None restores in one piece; `overlap` 0 is the network's halo and a margin. The batch may lie on another
    device than the network: tiles go there and back. `tiling` may name a published scan, which has tiles anyway.
    """
    source = BatchSource(batch)
    scale = descriptor_of(network).scale
    if tiling == SEAMLESS:
        layout = lay_out(descriptor_of(network), source.sizes, tile, overlap)
    else:
        layout = scanned(descriptor_of(network), source.sizes, tile, tiling)
    if len(layout) == 1:
        return restore(network, batch)
    height, width = source.sizes["lr"]
    result: Tensor | None = None
    for piece in pieces(restore, network, source, layout):
        if result is None:
            lr = batch["lr"]
            shape = (*piece.image.shape[:2], height * scale, width * scale)
            result = torch.zeros(shape, dtype=piece.image.dtype, device=lr.device)
        rows, columns = piece.image.shape[-2:]
        target = result[..., piece.top : piece.top + rows, piece.left : piece.left + columns]
        target += piece.image.to(result.device)
    assert result is not None
    return result


def pieces(
    restore: Restore, network: nn.Module, source: Source, layout: Layout, progress: ProgressFactory = no_progress
) -> Iterator[Piece]:
    """The restored tiles of a layout, one after another; a task that tiles within its passes gives all in one."""
    scale = descriptor_of(network).scale
    parameter = next(network.parameters(), None)
    if isinstance(restore, TilesWithin):
        height, width = source.sizes["lr"]
        batch = {name: _on(parameter, member) for name, member in source.cut(Window(0, 0, height, width)).items()}
        with torch.no_grad():
            yield Piece(0, 0, restore.by_tiles(network, batch, [_tile(*spans, scale) for spans in layout], progress))
        return
    with progress("restoring", len(layout)) as bar:
        for row, column in layout:
            batch = source.cut(window_of(row, column))
            batch = {name: _on(parameter, member) for name, member in batch.items()}
            with torch.no_grad():
                image = restore(network, batch)
            rows, columns = _inside(row, scale), _inside(column, scale)
            yield Piece(
                row.kept[0] * scale, column.kept[0] * scale, _faded(image[..., rows, columns], row, column, scale)
            )
            bar.advance()


class BatchSource:
    """A batch whose members a network may ask for."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch

    @property
    def _members(self) -> dict[str, Tensor]:
        return {name: self._batch[name] for name in INPUTS if name in self._batch}

    @property
    def sizes(self) -> Sizes:
        return {name: (member.shape[-2], member.shape[-1]) for name, member in self._members.items()}

    def cut(self, window: Window) -> Batch:
        height, width = self.sizes["lr"]
        found: dict[str, Any] = {}
        for name, member in self._members.items():
            rows = _part(window.top, window.height, height, member.shape[-2])
            columns = _part(window.left, window.width, width, member.shape[-1])
            found[name] = member[..., rows, columns]
        return found


def _part(start: int, count: int, length: int, member: int) -> slice:
    """A part of LR's side as a part of a member's."""
    return slice(start * member // length, (start + count) * member // length)


def _inside(span: Span, scale: int) -> slice:
    """What is kept, within the result of what is seen."""
    return slice((span.kept[0] - span.seen[0]) * scale, (span.kept[1] - span.seen[0]) * scale)


def _faded(image: Tensor, row: Span, column: Span, scale: int) -> Tensor:
    if not (row.fade_in or row.fade_out or column.fade_in or column.fade_out):
        return image
    down, across = (image.new_tensor(span.weights(scale)) for span in (row, column))
    return image * down[:, None] * across


def _tile(row: Span, column: Span, scale: int) -> Tile:
    """Two spans in low-resolution pixels as a tile of the restored image."""

    def large(pixels: tuple[int, int]) -> slice:
        return slice(pixels[0] * scale, pixels[1] * scale)

    return Tile(
        (large(row.seen), large(column.seen)),
        (large(row.kept), large(column.kept)),
        (row.weights(scale), column.weights(scale)),
    )


def _on(parameter: Tensor | None, member: Any) -> Any:
    """A tensor where the network is."""
    return member.to(parameter.device) if isinstance(member, Tensor) and parameter is not None else member
