"""DCNv3 in plain torch: the definition that every back-end must agree with; differentiable and exportable."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from refsr.ops.deformable_v3.geometry import Geometry


def reference(input: Tensor, offset: Tensor, mask: Tensor, geometry: Geometry) -> Tensor:
    """(B, H, W, C), (B, Ho, Wo, G*P*2), (B, Ho, Wo, G*P) -> (B, Ho, Wo, C); half types are computed in float32."""
    kind = torch.promote_types(input.dtype, torch.float32)
    B, H, W, C = input.shape
    Ho, Wo = offset.shape[1:3]
    G, P = geometry.groups, geometry.points

    taps = torch.tensor(geometry.taps(), device=input.device, dtype=kind)
    start = geometry.centre - geometry.padding
    rows = torch.arange(Ho, device=input.device, dtype=kind) * geometry.stride + start
    columns = torch.arange(Wo, device=input.device, dtype=kind) * geometry.stride + start
    moved = (offset.to(kind).reshape(B, Ho, Wo, G, P, 2) + taps) * geometry.offset_scale
    x = moved[..., 0] + columns[:, None, None]
    y = moved[..., 1] + rows[:, None, None, None]
    # Zeros up to a power of two: only then do whole numbers survive being scaled to [-1, 1] and back, and with them
    # the choice of the cell whose slope is the gradient of the offset.
    high, wide = (1 << (side - 1).bit_length() for side in (H, W))
    # align_corners=False: -1 and 1 are the outer edges of the border pixels.
    grid = torch.stack(((2 * x + 1) / wide - 1, (2 * y + 1) / high - 1), dim=-1)

    planes = input.to(kind).reshape(B, H, W, G, C // G).permute(0, 3, 4, 1, 2).reshape(B * G, C // G, H, W)
    planes = F.pad(planes, (0, wide - W, 0, high - H))
    grid = grid.permute(0, 3, 1, 2, 4, 5).reshape(B * G, Ho * Wo, P, 2)
    weights = mask.to(kind).reshape(B, Ho * Wo, G, P).transpose(1, 2).reshape(B * G, 1, Ho * Wo, P)
    sampled = F.grid_sample(planes, grid, padding_mode="zeros", align_corners=False)
    summed = (sampled * weights).sum(-1).reshape(B, C, Ho, Wo)
    return summed.permute(0, 2, 3, 1).to(input.dtype)
