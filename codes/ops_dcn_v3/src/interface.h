// Arguments to a Geometry. Python says what is wrong with shapes in words; here they are only kept from doing harm.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include "geometry.h"

namespace refsr {

inline Geometry geometry(const at::Tensor& input, const at::Tensor& offset, const at::Tensor& mask, int64_t kernel,
                         int64_t stride, int64_t padding, int64_t dilation, int64_t groups, double offset_scale,
                         bool remove_center) {
  TORCH_CHECK(kernel > 0 && stride > 0 && padding >= 0 && dilation > 0 && groups > 0, "dcnv3: numbers out of range");
  TORCH_CHECK(kernel < 1 << 15, "dcnv3: kernel too large");
  TORCH_CHECK(input.dim() == 4 && offset.dim() == 4 && mask.dim() == 4, "dcnv3: tensors have four dimensions");
  TORCH_CHECK(offset.scalar_type() == input.scalar_type() && mask.scalar_type() == input.scalar_type(),
              "dcnv3: types differ");
  TORCH_CHECK(offset.device() == input.device() && mask.device() == input.device(), "dcnv3: devices differ");
  TORCH_CHECK(!remove_center || (kernel % 2 == 1 && kernel > 1), "dcnv3: remove_center needs an odd kernel");
  Geometry g{};
  g.batch = input.size(0), g.height = input.size(1), g.width = input.size(2), g.channels = input.size(3);
  g.kernel = kernel, g.stride = stride, g.padding = padding, g.dilation = dilation, g.groups = groups;
  g.centre = dilation * (kernel - 1) / 2;
  g.offset_scale = offset_scale;
  g.removed = remove_center ? (kernel * kernel - 1) / 2 : -1;
  g.points = kernel * kernel - (remove_center ? 1 : 0);
  TORCH_CHECK(g.height > 0 && g.width > 0 && g.channels > 0 && g.channels % groups == 0, "dcnv3: bad input shape");
  g.group_channels = g.channels / groups;
  const int64_t reach = dilation * (kernel - 1) + 1;
  TORCH_CHECK(g.height + 2 * padding >= reach && g.width + 2 * padding >= reach, "dcnv3: input too small");
  g.out_height = (g.height + 2 * padding - reach) / stride + 1;
  g.out_width = (g.width + 2 * padding - reach) / stride + 1;
  const auto fits = [&](const at::Tensor& t, int64_t last) {
    return t.size(0) == g.batch && t.size(1) == g.out_height && t.size(2) == g.out_width && t.size(3) == last;
  };
  TORCH_CHECK(fits(offset, groups * g.points * 2), "dcnv3: bad offset shape");
  TORCH_CHECK(fits(mask, groups * g.points), "dcnv3: bad mask shape");
  return g;
}

inline void check_grad_output(const Geometry& g, const at::Tensor& grad_output, const at::Tensor& input) {
  TORCH_CHECK(grad_output.dim() == 4 && grad_output.size(0) == g.batch && grad_output.size(1) == g.out_height &&
                  grad_output.size(2) == g.out_width && grad_output.size(3) == g.channels,
              "dcnv3: bad shape of the output's gradient");
  TORCH_CHECK(grad_output.scalar_type() == input.scalar_type() && grad_output.device() == input.device(),
              "dcnv3: bad type of the output's gradient");
}

}  // namespace refsr
