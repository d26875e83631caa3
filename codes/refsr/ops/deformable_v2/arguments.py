"""Arguments of DCNv2: checks of shapes and types."""

from __future__ import annotations

from torch import Tensor

from refsr.core.errors import OperatorError


def check(
    input: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
) -> None:
    """Raises OperatorError that names the argument, its shape and the rule."""
    if input.dim() != 4 or 0 in input.shape[1:]:
        raise OperatorError(f"dcnv2: input has shape {tuple(input.shape)}, expected (B, C, H, W) with C, H, W > 0")
    if weight.dim() != 4 or weight.shape[2] != weight.shape[3] or 0 in weight.shape:
        raise OperatorError(f"dcnv2: weight has shape {tuple(weight.shape)}, expected (Co, Ci/groups, K, K)")
    if stride < 1 or dilation < 1 or padding < 0:
        raise OperatorError(
            f"dcnv2: stride {stride}, padding {padding}, dilation {dilation}; stride and dilation are 1 or more, "
            "padding is 0 or more"
        )
    B, C, H, W = input.shape
    out_channels, group_channels, K, _ = weight.shape
    if C % group_channels or out_channels % (C // group_channels):
        raise OperatorError(
            f"dcnv2: weight has shape {tuple(weight.shape)}, but input has {C} channels: Ci/groups must divide them, "
            "and the number of groups must divide Co"
        )
    Ho, Wo = ((side + 2 * padding - dilation * (K - 1) - 1) // stride + 1 for side in (H, W))
    if Ho < 1 or Wo < 1:
        raise OperatorError(f"dcnv2: input has shape {tuple(input.shape)}, too small for a kernel of {K}")
    G = mask.shape[1] // (K * K) if mask.dim() == 4 else 0
    if G < 1 or C % G or tuple(mask.shape) != (B, G * K * K, Ho, Wo):
        raise OperatorError(
            f"dcnv2: mask has shape {tuple(mask.shape)}, expected (B, G*K*K, Ho, Wo) = ({B}, G*{K * K}, {Ho}, {Wo}) "
            f"where G divides the {C} channels"
        )
    if tuple(offset.shape) != (B, 2 * G * K * K, Ho, Wo):
        raise OperatorError(
            f"dcnv2: offset has shape {tuple(offset.shape)}, expected (B, 2*G*K*K, Ho, Wo) = "
            f"{(B, 2 * G * K * K, Ho, Wo)}"
        )
    if bias is not None and tuple(bias.shape) != (out_channels,):
        raise OperatorError(f"dcnv2: bias has shape {tuple(bias.shape)}, expected ({out_channels},)")
    if not input.is_floating_point():
        raise OperatorError(f"dcnv2: input has type {input.dtype}, expected a floating-point type")
