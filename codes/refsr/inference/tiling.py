"""Restores an image tile by tile, so that memory grows with the tile and not with the image.

A network with a halo gives the same image as in one piece, but for rounding: a tile sees the halo around what is kept
of it, and the true border of the image where it reaches that, so that zero padding meets the same pixels.

What the halo leaves out is deformable sampling: a point moved beyond what the tile sees reads zeros where the whole
image has a feature. Measured for RRSNet x4 with one block and random weights scaled so that the reference counts, as
the largest difference over the standard deviation of what the reference does to the image: points moved by up to 8
pixels at every level, which at the coarsest is 32 of HR, give 1e-3 without a margin and rounding (4e-5) with 4 pixels;
up to 12, 0.1 and rounding with MARGIN; up to 16, 1 and 5e-4 with MARGIN; up to 32, seams that 16 pixels do not remove.
A wider halo has its own room: with 8 blocks none of these show. Seen less than the halo, an overlap of 32 leaves
rounding with 8 blocks (halo 53) as with 16 (halo 97); one of 16 leaves 0.01 and 0.04, one of 8 leaves 0.4 and 0.7.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from refsr.core.progress import ProgressFactory, no_progress
from refsr.core.window import Window
from refsr.inference.flat_results import FlatnessCheck
from refsr.inference.published_tiling import scanned
from refsr.inference.tile_io import BatchSource, TensorSink, TileSink, TileSource
from refsr.inference.tile_layout import Layout, Span, lay_out, window_of
from refsr.networks.descriptor import descriptor_of, farther
from refsr.tasks.base import Batch, Restore, Tile, TiledRestore
from refsr.tasks.restore import require_finite

SEAMLESS = "seamless"
"""Tiles that see what lies around them, so that no seam is left."""


def restore_tiles(
    restore: Restore,
    network: nn.Module,
    source: TileSource,
    layout: Layout,
    sink: TileSink,
    progress: ProgressFactory = no_progress,
) -> None:
    """Restores the tiles of a layout from `source` to `sink`, one after another, on the network's device.

    A task that tiles within its passes sees the whole image and gives it as one tile.
    """
    scale = descriptor_of(network).scale
    parameter = next(network.parameters(), None)

    flat = FlatnessCheck()

    def cut(window: Window) -> dict[str, Any]:
        return {name: _on(parameter, member) for name, member in source.cut(window).items()}

    if isinstance(restore, TiledRestore):
        whole = Window(0, 0, *source.sizes["lr"])
        with torch.inference_mode():
            tiles = [_tile(*spans, scale) for spans in layout]
            members = cut(whole)
            restored = restore.by_tiles(network, members, tiles, progress)
        image = restored[:, : members["lr"].shape[1]]
        require_finite(image, members["lr"])
        flat.add(members["lr"], image)
        flat.require_structure()
        sink.add(Window(*(scale * edge for edge in whole)), restored)
        return
    with progress("restoring", len(layout)) as bar:
        for row, column in layout:
            with torch.inference_mode():
                members = cut(window_of(row, column))
                seen = restore(network, members)
            # Evidence may lie behind the image's bands.
            flat.add(members["lr"], seen[:, : members["lr"].shape[1]])
            rows, columns = _inside(row, scale), _inside(column, scale)
            kept = seen[..., rows, columns]
            corner = row.kept[0] * scale, column.kept[0] * scale
            sink.add(Window(*corner, kept.shape[-2], kept.shape[-1]), _faded(kept, row, column, scale))
            bar.advance()
    flat.require_structure()


def restore_tiled(
    restore: Restore,
    network: nn.Module,
    batch: Batch,
    tile: int | None,
    overlap: int = 0,
    tiling: str = SEAMLESS,
    beyond: int = 0,
) -> Tensor:
    """(B, C, H, W) members -> (B, C, s*H, s*W) by tiles of `tile` LR pixels that see `overlap` around them.

    `tile` None restores in one piece; `overlap` 0 is the network's halo and a margin. The batch may lie on another
    device than the network: tiles go there and back. `tiling` may name a published scan, which has tiles anyway.
    `beyond` are LR pixels that a result depends on beyond the network's halo.
    """
    source = BatchSource(batch)
    descriptor = farther(descriptor_of(network), beyond)
    if tiling == SEAMLESS:
        layout = lay_out(descriptor, source.sizes, tile, overlap)
    else:
        layout = scanned(descriptor, source.sizes, tile, tiling)
    if len(layout) == 1:
        return restore(network, batch)
    height, width = source.sizes["lr"]
    sink = TensorSink(height * descriptor.scale, width * descriptor.scale, batch["lr"].device)
    restore_tiles(restore, network, source, layout, sink)
    return sink.image


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
