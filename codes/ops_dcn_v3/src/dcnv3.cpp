// DCNv3 on the CPU: channels last, vectorised over a group's channels, half types accumulated in float32.
// Forward is parallel over output rows. Backward is parallel over (batch, group): no two tasks write the same gradient,
// so that there is neither a race nor a buffer a thread, and sums are always made in the same order.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <tuple>
#include <type_traits>
#include <vector>

#include "geometry.h"
#include "interface.h"

namespace refsr {
namespace {

template <typename T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <typename A>
void place(const Geometry& g, int64_t p, int64_t row, int64_t column, A dx, A dy, A& px, A& py) {
  int64_t tx, ty;
  tap(g, p, tx, ty);
  const A scale = A(g.offset_scale);
  px = (dx + A(tx)) * scale + A(column * g.stride + g.centre - g.padding);
  py = (dy + A(ty)) * scale + A(row * g.stride + g.centre - g.padding);
}

// CG is the number of channels a group, or 0 where it is known only when running.
template <typename T, int CG>
void forward_rows(const Geometry& g, const T* input, const T* offset, const T* mask, T* output, int64_t first,
                  int64_t last) {
  using A = Wide<T>;
  const int64_t channels = CG ? CG : g.group_channels;
  std::vector<A> sums(channels);
  const std::vector<T> zeros(channels, T(0));
  A* __restrict__ const sum = sums.data();
  for (int64_t line = first; line < last; ++line) {
    const int64_t row = line % g.out_height;
    const T* const image = input + line / g.out_height * g.height * g.width * g.channels;
    for (int64_t column = 0; column < g.out_width; ++column) {
      const int64_t pixel = line * g.out_width + column;
      for (int64_t group = 0; group < g.groups; ++group) {
        const T* const o = offset + (pixel * g.groups + group) * g.points * 2;
        const T* const m = mask + (pixel * g.groups + group) * g.points;
        const T* const plane = image + group * channels;
        for (int64_t c = 0; c < channels; ++c) sum[c] = A(0);
        for (int64_t p = 0; p < g.points; ++p) {
          A px, py;
          place<A>(g, p, row, column, A(o[2 * p]), A(o[2 * p + 1]), px, py);
          const auto at = corners<A>(px, py, g.height, g.width);
          if (!at.any) continue;
          const A weight = A(m[p]);
          const A w0 = (1 - at.top) * (1 - at.left) * weight, w1 = (1 - at.top) * at.left * weight;
          const A w2 = at.top * (1 - at.left) * weight, w3 = at.top * at.left * weight;
          const int64_t base = (at.y * g.width + at.x) * g.channels, down = g.width * g.channels;
          const T* const v0 = at.inside[0] ? plane + base : zeros.data();
          const T* const v1 = at.inside[1] ? plane + base + g.channels : zeros.data();
          const T* const v2 = at.inside[2] ? plane + base + down : zeros.data();
          const T* const v3 = at.inside[3] ? plane + base + down + g.channels : zeros.data();
#pragma omp simd
          for (int64_t c = 0; c < channels; ++c)
            sum[c] += w0 * A(v0[c]) + w1 * A(v1[c]) + w2 * A(v2[c]) + w3 * A(v3[c]);
        }
        T* const result = output + pixel * g.channels + group * channels;
        for (int64_t c = 0; c < channels; ++c) result[c] = T(sum[c]);
      }
    }
  }
}

template <typename T, int CG>
void backward_group(const Geometry& g, const T* grad_output, const T* input, const T* offset, const T* mask,
                    Wide<T>* grad_plane, int64_t pixel_step, T* grad_offset, T* grad_mask, int64_t batch,
                    int64_t group) {
  using A = Wide<T>;
  const int64_t channels = CG ? CG : g.group_channels;
  const std::vector<T> zeros(channels, T(0));
  std::vector<A> spill(channels, A(0));  // takes what falls outside the image
  const T* const plane = input + batch * g.height * g.width * g.channels + group * channels;
  const A scale = A(g.offset_scale);
  for (int64_t row = 0; row < g.out_height; ++row) {
    for (int64_t column = 0; column < g.out_width; ++column) {
      const int64_t pixel = (batch * g.out_height + row) * g.out_width + column;
      const int64_t first = (pixel * g.groups + group) * g.points;
      const T* const go = grad_output + pixel * g.channels + group * channels;
      for (int64_t p = 0; p < g.points; ++p) {
        const int64_t k = first + p;
        A px, py;
        place<A>(g, p, row, column, A(offset[2 * k]), A(offset[2 * k + 1]), px, py);
        const auto at = corners<A>(px, py, g.height, g.width);
        if (!at.any) {
          grad_mask[k] = grad_offset[2 * k] = grad_offset[2 * k + 1] = T(0);
          continue;
        }
        const A weight = A(mask[k]), left = at.left, top = at.top;
        const A w0 = (1 - top) * (1 - left), w1 = (1 - top) * left, w2 = top * (1 - left), w3 = top * left;
        const int64_t base = at.y * g.width + at.x;
        const int64_t index[4] = {base, base + 1, base + g.width, base + g.width + 1};
        const T* v[4];
        A* gi[4];
        for (int i = 0; i < 4; ++i) {
          v[i] = at.inside[i] ? plane + index[i] * g.channels : zeros.data();
          gi[i] = at.inside[i] ? grad_plane + index[i] * pixel_step : spill.data();
        }
        A d0 = 0, d1 = 0, d2 = 0, d3 = 0;
#pragma omp simd reduction(+ : d0, d1, d2, d3)
        for (int64_t c = 0; c < channels; ++c) {
          const A grad = A(go[c]);
          d0 += grad * A(v[0][c]);
          d1 += grad * A(v[1][c]);
          d2 += grad * A(v[2][c]);
          d3 += grad * A(v[3][c]);
        }
        // Separate loops: corners that fall outside share the spill buffer.
        const A weights[4] = {w0 * weight, w1 * weight, w2 * weight, w3 * weight};
        for (int i = 0; i < 4; ++i) {
          A* __restrict__ const to = gi[i];
          const A w = weights[i];
#pragma omp simd
          for (int64_t c = 0; c < channels; ++c) to[c] += w * A(go[c]);
        }
        grad_mask[k] = T(w0 * d0 + w1 * d1 + w2 * d2 + w3 * d3);
        grad_offset[2 * k] = T(weight * scale * ((1 - top) * (d1 - d0) + top * (d3 - d2)));
        grad_offset[2 * k + 1] = T(weight * scale * ((1 - left) * (d2 - d0) + left * (d3 - d1)));
      }
    }
  }
}

template <typename T, int CG>
void forward_typed(const Geometry& g, const at::Tensor& input, const at::Tensor& offset, const at::Tensor& mask,
                   at::Tensor& output) {
  const T *in = input.const_data_ptr<T>(), *off = offset.const_data_ptr<T>(), *m = mask.const_data_ptr<T>();
  T* out = output.mutable_data_ptr<T>();
  at::parallel_for(0, g.batch * g.out_height, 1, [&](int64_t first, int64_t last) {
    forward_rows<T, CG>(g, in, off, m, out, first, last);
  });
}

template <typename T, int CG>
void backward_typed(const Geometry& g, const at::Tensor& grad_output, const at::Tensor& input,
                    const at::Tensor& offset, const at::Tensor& mask, at::Tensor& grad_input, at::Tensor& grad_offset,
                    at::Tensor& grad_mask) {
  using A = Wide<T>;
  const T *go = grad_output.const_data_ptr<T>(), *in = input.const_data_ptr<T>();
  const T *off = offset.const_data_ptr<T>(), *m = mask.const_data_ptr<T>();
  T *gi = grad_input.mutable_data_ptr<T>(), *goff = grad_offset.mutable_data_ptr<T>();
  T* gm = grad_mask.mutable_data_ptr<T>();
  at::parallel_for(0, g.batch * g.groups, 1, [&](int64_t first, int64_t last) {
    for (int64_t task = first; task < last; ++task) {
      const int64_t batch = task / g.groups, group = task % g.groups;
      T* const plane = gi + batch * g.height * g.width * g.channels + group * g.group_channels;
      if constexpr (std::is_same_v<T, A>) {
        backward_group<T, CG>(g, go, in, off, m, plane, g.channels, goff, gm, batch, group);
      } else {
        // Half types are summed in a float32 plane of this group alone.
        std::vector<A> wide(g.height * g.width * g.group_channels, A(0));
        backward_group<T, CG>(g, go, in, off, m, wide.data(), g.group_channels, goff, gm, batch, group);
        for (int64_t pixel = 0; pixel < g.height * g.width; ++pixel)
          for (int64_t c = 0; c < g.group_channels; ++c)
            plane[pixel * g.channels + c] = T(wide[pixel * g.group_channels + c]);
      }
    }
  });
}

// Calls work<type, channels a group> for the types and widths that have code of their own.
#define REFSR_DISPATCH(WORK, ...)                                              \
  switch (input.scalar_type()) {                                              \
    case at::kFloat:                                                          \
      switch (g.group_channels) {                                             \
        case 8: WORK<float, 8>(__VA_ARGS__); break;                           \
        case 10: WORK<float, 10>(__VA_ARGS__); break;                         \
        case 16: WORK<float, 16>(__VA_ARGS__); break;                         \
        case 32: WORK<float, 32>(__VA_ARGS__); break;                         \
        default: WORK<float, 0>(__VA_ARGS__);                                 \
      }                                                                       \
      break;                                                                  \
    case at::kDouble: WORK<double, 0>(__VA_ARGS__); break;                    \
    case at::kBFloat16: WORK<at::BFloat16, 0>(__VA_ARGS__); break;            \
    default: TORCH_CHECK(false, "dcnv3: no CPU kernel for ", input.scalar_type()); \
  }

at::Tensor forward(const at::Tensor& input_, const at::Tensor& offset_, const at::Tensor& mask_, int64_t kernel,
                   int64_t stride, int64_t padding, int64_t dilation, int64_t groups, double offset_scale,
                   bool remove_center) {
  const auto g = geometry(input_, offset_, mask_, kernel, stride, padding, dilation, groups, offset_scale, remove_center);
  const auto input = input_.contiguous(), offset = offset_.contiguous(), mask = mask_.contiguous();
  auto output = at::empty({g.batch, g.out_height, g.out_width, g.channels}, input.options());
  REFSR_DISPATCH(forward_typed, g, input, offset, mask, output)
  return output;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const at::Tensor& grad_output_, const at::Tensor& input_,
                                                        const at::Tensor& offset_, const at::Tensor& mask_,
                                                        int64_t kernel, int64_t stride, int64_t padding,
                                                        int64_t dilation, int64_t groups, double offset_scale,
                                                        bool remove_center, bool /*deterministic: always is*/) {
  const auto g = geometry(input_, offset_, mask_, kernel, stride, padding, dilation, groups, offset_scale, remove_center);
  check_grad_output(g, grad_output_, input_);
  const auto grad_output = grad_output_.contiguous(), input = input_.contiguous();
  const auto offset = offset_.contiguous(), mask = mask_.contiguous();
  auto grad_input = at::zeros(input.sizes(), input.options());
  auto grad_offset = at::empty(offset.sizes(), offset.options());
  auto grad_mask = at::empty(mask.sizes(), mask.options());
  REFSR_DISPATCH(backward_typed, g, grad_output, input, offset, mask, grad_input, grad_offset, grad_mask)
  return {grad_input, grad_offset, grad_mask};
}

}  // namespace

TORCH_LIBRARY(refsr_native, m) {
  m.def(
      "dcnv3_forward(Tensor input, Tensor offset, Tensor mask, int kernel, int stride, int padding, int dilation, "
      "int groups, float offset_scale, bool remove_center) -> Tensor");
  m.def(
      "dcnv3_backward(Tensor grad_output, Tensor input, Tensor offset, Tensor mask, int kernel, int stride, "
      "int padding, int dilation, int groups, float offset_scale, bool remove_center, bool deterministic) "
      "-> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(refsr_native, CPU, m) {
  m.impl("dcnv3_forward", &forward);
  m.impl("dcnv3_backward", &backward);
}

}  // namespace refsr
