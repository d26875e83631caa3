// DCNv3 on CUDA: channels last, any channel count a group, half types accumulated in float32, no batch condition.
// Forward and the gradients of offset and mask write each value once. Only the input's gradient is scattered: by
// atomic additions, or, where determinism is asked for, by atomic additions of fixed-point integers, whose sum does not
// depend on their order.
#include <ATen/core/Tensor.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <torch/library.h>

#include <algorithm>
#include <tuple>
#include <type_traits>

#include "geometry.h"
#include "interface.h"

namespace refsr {
namespace {

constexpr int kThreads = 256;

template <typename T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

template <typename A>
__device__ void place(const Geometry& g, int64_t p, int64_t row, int64_t column, A dx, A dy, A& px, A& py) {
  int64_t tx, ty;
  tap(g, p, tx, ty);
  const A scale = A(g.offset_scale);
  px = (dx + A(tx)) * scale + A(column * g.stride + g.centre - g.padding);
  py = (dy + A(ty)) * scale + A(row * g.stride + g.centre - g.padding);
}

// A thread makes N channels of one group at one output pixel.
template <typename T, int N>
__global__ void forward_kernel(Geometry g, const T* __restrict__ input, const T* __restrict__ offset,
                               const T* __restrict__ mask, T* __restrict__ output, int64_t total) {
  using A = Wide<T>;
  const int64_t packs = g.channels / N;
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < total; i += int64_t(gridDim.x) * blockDim.x) {
    const int64_t channel = i % packs * N, pixel = i / packs;
    const int64_t group = channel / g.group_channels;
    const int64_t column = pixel % g.out_width, row = pixel / g.out_width % g.out_height;
    const T* const image = input + pixel / g.out_width / g.out_height * g.height * g.width * g.channels + channel;
    const int64_t first = (pixel * g.groups + group) * g.points;
    A sum[N] = {};
    for (int64_t p = 0; p < g.points; ++p) {
      A px, py;
      place<A>(g, p, row, column, A(offset[2 * (first + p)]), A(offset[2 * (first + p) + 1]), px, py);
      const auto at = corners<A>(px, py, g.height, g.width);
      if (!at.any) continue;
      const A m = A(mask[first + p]);
      const A weights[4] = {(1 - at.top) * (1 - at.left) * m, (1 - at.top) * at.left * m, at.top * (1 - at.left) * m,
                            at.top * at.left * m};
      const int64_t base = at.y * g.width + at.x;
      const int64_t index[4] = {base, base + 1, base + g.width, base + g.width + 1};
#pragma unroll
      for (int c = 0; c < 4; ++c) {
        if (!at.inside[c]) continue;
        const auto values = *reinterpret_cast<const Pack<T, N>*>(image + index[c] * g.channels);
#pragma unroll
        for (int n = 0; n < N; ++n) sum[n] += weights[c] * A(values.at[n]);
      }
    }
    Pack<T, N> result;
#pragma unroll
    for (int n = 0; n < N; ++n) result.at[n] = T(sum[n]);
    *reinterpret_cast<Pack<T, N>*>(output + pixel * g.channels + channel) = result;
  }
}

// Adds to the input's gradient: plainly, or as an integer of `unit` ticks a one.
__device__ void add(float* to, float value, double) { atomicAdd(to, value); }
__device__ void add(double* to, double value, double) { atomicAdd(to, value); }
template <typename A>
__device__ void add(unsigned long long* to, A value, double unit) {
  atomicAdd(to, static_cast<unsigned long long>(llrint(double(value) * unit)));
}

// The sum over a team of threads, which is a power of two of neighbours in a warp, in an order that is always the same.
template <typename A>
__device__ A team_sum(A value, int team, unsigned members) {
  for (int apart = team / 2; apart > 0; apart /= 2) value += __shfl_xor_sync(members, value, apart);
  return value;
}

// A team makes the gradients of one group at one output pixel: each thread takes every team-th channel, so that
// neighbours read and add to neighbouring addresses. `total` counts groups of pixels.
template <typename T, typename S>
__global__ void backward_kernel(Geometry g, const T* __restrict__ grad_output, const T* __restrict__ input,
                                const T* __restrict__ offset, const T* __restrict__ mask, S* __restrict__ grad_input,
                                T* __restrict__ grad_offset, T* __restrict__ grad_mask, const double* unit_place,
                                int team, int64_t total) {
  using A = Wide<T>;
  const double unit = unit_place ? *unit_place : 1.0;
  const A scale = A(g.offset_scale);
  const int own = threadIdx.x % team;
  // The members of this team by their places in the warp; all of them always take the same turns.
  const unsigned members = (team == 32 ? ~0u : (1u << team) - 1) << (threadIdx.x % 32 - own);
  const int64_t teams = int64_t(gridDim.x) * (blockDim.x / team);
  for (int64_t i = blockIdx.x * int64_t(blockDim.x / team) + threadIdx.x / team; i < total; i += teams) {
    const int64_t group = i % g.groups, pixel = i / g.groups;
    const int64_t column = pixel % g.out_width, row = pixel / g.out_width % g.out_height;
    const int64_t batch = pixel / g.out_width / g.out_height;
    const int64_t image = batch * g.height * g.width * g.channels + group * g.group_channels;
    const T* const go = grad_output + i * g.group_channels;
    for (int64_t p = 0; p < g.points; ++p) {
      const int64_t k = i * g.points + p;
      A px, py;
      place<A>(g, p, row, column, A(offset[2 * k]), A(offset[2 * k + 1]), px, py);
      const auto at = corners<A>(px, py, g.height, g.width);
      A to_mask = 0, to_x = 0, to_y = 0;
      if (at.any) {
        const A weight = A(mask[k]), left = at.left, top = at.top;
        const A w[4] = {(1 - top) * (1 - left), (1 - top) * left, top * (1 - left), top * left};
        const int64_t base = at.y * g.width + at.x;
        const int64_t index[4] = {base, base + 1, base + g.width, base + g.width + 1};
        for (int64_t channel = own; channel < g.group_channels; channel += team) {
          const A grad = A(go[channel]);
          A value[4] = {};
#pragma unroll
          for (int c = 0; c < 4; ++c) {
            if (!at.inside[c]) continue;
            const int64_t where = image + index[c] * g.channels + channel;
            value[c] = A(input[where]);
            add(grad_input + where, A(w[c] * weight * grad), unit);
          }
          to_mask += grad * (w[0] * value[0] + w[1] * value[1] + w[2] * value[2] + w[3] * value[3]);
          to_x += grad * ((1 - top) * (value[1] - value[0]) + top * (value[3] - value[2]));
          to_y += grad * ((1 - left) * (value[2] - value[0]) + left * (value[3] - value[1]));
        }
        to_mask = team_sum(to_mask, team, members);
        to_x = team_sum(to_x, team, members) * weight * scale;
        to_y = team_sum(to_y, team, members) * weight * scale;
      }
      if (own == 0) {
        grad_mask[k] = T(to_mask);
        grad_offset[2 * k] = T(to_x);
        grad_offset[2 * k + 1] = T(to_y);
      }
    }
  }
}

// Ticks a one, so that no sum of `terms` parts can overflow; NaN where the gradients are not finite.
__global__ void unit_kernel(const double* grad_largest, const double* mask_largest, double terms, double* unit) {
  const double bound = *grad_largest * *mask_largest * terms;
  *unit = isfinite(bound) ? (bound > 0 ? exp2(double(min(61 - ilogb(bound), 1000))) : 1.0) : nan("");
}

template <typename T>
__global__ void from_ticks(const unsigned long long* ticks, const double* unit, T* result, int64_t total) {
  for (int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x; i < total; i += int64_t(gridDim.x) * blockDim.x)
    result[i] = T(Wide<T>(double(static_cast<long long>(ticks[i])) / *unit));
}

int64_t blocks(int64_t total) { return std::min<int64_t>((total + kThreads - 1) / kThreads, int64_t(1) << 30); }

template <typename T, int N>
void forward_packs(const Geometry& g, const at::Tensor& input, const at::Tensor& offset, const at::Tensor& mask,
                   at::Tensor& output, cudaStream_t stream) {
  const int64_t total = output.numel() / N;
  forward_kernel<T, N><<<blocks(total), kThreads, 0, stream>>>(g, input.const_data_ptr<T>(), offset.const_data_ptr<T>(),
                                                              mask.const_data_ptr<T>(), output.mutable_data_ptr<T>(),
                                                              total);
  C10_CUDA_KERNEL_LAUNCH_CHECK();
}

template <typename T>
void forward_typed(const Geometry& g, const at::Tensor& input, const at::Tensor& offset, const at::Tensor& mask,
                   at::Tensor& output, cudaStream_t stream) {
  // The widest load, up to 16 bytes, that a group's channels and the address allow.
  const auto fits = [&](int64_t n) {
    return g.group_channels % n == 0 && reinterpret_cast<uintptr_t>(input.const_data_ptr()) % (n * sizeof(T)) == 0;
  };
  if constexpr (sizeof(T) == 2) {
    if (fits(8)) return forward_packs<T, 8>(g, input, offset, mask, output, stream);
  }
  if constexpr (sizeof(T) <= 4) {
    if (fits(4)) return forward_packs<T, 4>(g, input, offset, mask, output, stream);
  }
  if (fits(2)) return forward_packs<T, 2>(g, input, offset, mask, output, stream);
  forward_packs<T, 1>(g, input, offset, mask, output, stream);
}

template <typename T>
void backward_typed(const Geometry& g, const at::Tensor& grad_output, const at::Tensor& input,
                    const at::Tensor& offset, const at::Tensor& mask, at::Tensor& grad_input, at::Tensor& grad_offset,
                    at::Tensor& grad_mask, bool deterministic, cudaStream_t stream) {
  using A = Wide<T>;
  const int64_t total = g.batch * g.out_height * g.out_width * g.groups;
  // As many threads as there are channels, or half of that at the worst: fewer idle lanes than rounding up.
  int team = 1;
  while (team < 32 && 2 * team <= g.group_channels) team *= 2;
  const auto launch = [&](auto* sums, const double* unit) {
    using S = std::remove_pointer_t<decltype(sums)>;
    backward_kernel<T, S><<<blocks(total * team), kThreads, 0, stream>>>(
        g, grad_output.const_data_ptr<T>(), input.const_data_ptr<T>(), offset.const_data_ptr<T>(),
        mask.const_data_ptr<T>(), sums, grad_offset.mutable_data_ptr<T>(), grad_mask.mutable_data_ptr<T>(), unit, team,
        total);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  };
  if (deterministic) {
    const auto grad_largest = at::abs(grad_output).max().to(at::kDouble), mask_largest = at::abs(mask).max().to(at::kDouble);
    auto unit = at::empty({1}, input.options().dtype(at::kDouble));
    auto ticks = at::zeros(input.sizes(), input.options().dtype(at::kLong));
    // Each output pixel and point reaches a given input pixel with one corner at most, of weight one at most.
    const double terms = double(g.out_height) * double(g.out_width) * double(g.points);
    double* const place = unit.mutable_data_ptr<double>();
    unit_kernel<<<1, 1, 0, stream>>>(grad_largest.const_data_ptr<double>(), mask_largest.const_data_ptr<double>(),
                                     terms, place);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    auto* const sums = reinterpret_cast<unsigned long long*>(ticks.mutable_data_ptr<int64_t>());
    launch(sums, place);
    from_ticks<T><<<blocks(input.numel()), kThreads, 0, stream>>>(sums, place, grad_input.mutable_data_ptr<T>(),
                                                                 input.numel());
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  } else if constexpr (std::is_same_v<T, A>) {
    launch(grad_input.mutable_data_ptr<T>(), nullptr);
  } else {
    auto wide = at::zeros(input.sizes(), input.options().dtype(at::kFloat));
    launch(wide.mutable_data_ptr<float>(), nullptr);
    grad_input.copy_(wide);
  }
}

#define REFSR_DISPATCH(WORK, ...)                                                   \
  switch (input.scalar_type()) {                                                   \
    case at::kFloat: WORK<float>(__VA_ARGS__); break;                              \
    case at::kDouble: WORK<double>(__VA_ARGS__); break;                            \
    case at::kHalf: WORK<at::Half>(__VA_ARGS__); break;                            \
    case at::kBFloat16: WORK<at::BFloat16>(__VA_ARGS__); break;                    \
    default: TORCH_CHECK(false, "dcnv3: no CUDA kernel for ", input.scalar_type()); \
  }

at::Tensor forward(const at::Tensor& input_, const at::Tensor& offset_, const at::Tensor& mask_, int64_t kernel,
                   int64_t stride, int64_t padding, int64_t dilation, int64_t groups, double offset_scale,
                   bool remove_center) {
  const auto g = geometry(input_, offset_, mask_, kernel, stride, padding, dilation, groups, offset_scale, remove_center);
  const c10::DeviceGuard guard(input_.device());
  const auto input = input_.contiguous(), offset = offset_.contiguous(), mask = mask_.contiguous();
  auto output = at::empty({g.batch, g.out_height, g.out_width, g.channels}, input.options());
  if (g.batch == 0) return output;
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  REFSR_DISPATCH(forward_typed, g, input, offset, mask, output, stream)
  return output;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const at::Tensor& grad_output_, const at::Tensor& input_,
                                                        const at::Tensor& offset_, const at::Tensor& mask_,
                                                        int64_t kernel, int64_t stride, int64_t padding,
                                                        int64_t dilation, int64_t groups, double offset_scale,
                                                        bool remove_center, bool deterministic) {
  const auto g = geometry(input_, offset_, mask_, kernel, stride, padding, dilation, groups, offset_scale, remove_center);
  check_grad_output(g, grad_output_, input_);
  const c10::DeviceGuard guard(input_.device());
  const auto grad_output = grad_output_.contiguous(), input = input_.contiguous();
  const auto offset = offset_.contiguous(), mask = mask_.contiguous();
  auto grad_input = at::zeros(input.sizes(), input.options());
  auto grad_offset = at::empty(offset.sizes(), offset.options());
  auto grad_mask = at::empty(mask.sizes(), mask.options());
  if (g.batch == 0) return {grad_input, grad_offset, grad_mask};
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  REFSR_DISPATCH(backward_typed, g, grad_output, input, offset, mask, grad_input, grad_offset, grad_mask, deterministic,
                 stream)
  return {grad_input, grad_offset, grad_mask};
}

}  // namespace

TORCH_LIBRARY_IMPL(refsr_native, CUDA, m) {
  m.impl("dcnv3_forward", &forward);
  m.impl("dcnv3_backward", &backward);
}

}  // namespace refsr
