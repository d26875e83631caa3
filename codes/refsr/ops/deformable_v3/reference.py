"""DCNv3 in plain torch: the reference that defines it; differentiable and exportable."""

from __future__ import annotations

import torch
from torch import Tensor

from refsr.ops.deformable_v3.geometry import Geometry
from refsr.ops.sampling import bilinear, widened


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
    planes = input.to(kind).reshape(B, H, W, G, C // G).permute(0, 3, 4, 1, 2).reshape(B * G, C // G, H, W)
    x, y = (place.permute(0, 3, 1, 2, 4).reshape(B * G, Ho * Wo, P) for place in (x, y))
    weights = mask.to(kind).reshape(B, Ho * Wo, G, P).transpose(1, 2).reshape(B * G, 1, Ho * Wo, P)
    sampled = bilinear(widened(planes), x, y)
    summed = (sampled * weights).sum(-1).reshape(B, C, Ho, Wo)
    return summed.permute(0, 2, 3, 1).to(input.dtype)
