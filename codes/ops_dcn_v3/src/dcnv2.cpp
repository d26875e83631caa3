// DCNv2 on the CPU: samples of a few pixels at a time, as rows of a matrix that stays in the cache, times the kernel.
// The image is copied with its channels last and a border of zeros, so that a sample is four loads without a question.
// Forward is parallel over pixels. Backward takes the samples anew, and is parallel over groups of offsets: no two tasks
// write the same gradient, and sums are always made in the same order. Half types are computed in float32.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <vector>

namespace refsr {
namespace {

constexpr int64_t CACHE = 1 << 18;  // bytes of samples at once: a part of a core's second cache
constexpr int64_t LANES = 8;

struct Call {
  int64_t batch, channels, height, width;
  int64_t out_channels, out_height, out_width;
  int64_t kernel, stride, padding, dilation;
  int64_t top;                   // rows of the result before those that are computed
  int64_t groups, each, points;  // groups of offsets, their channels and their kernel points
  int64_t step;                  // numbers from one pixel to the next in a group's plane

  int64_t pixels() const { return out_height * out_width; }
  int64_t plane() const { return (height + 2) * (width + 2) * step; }
};

Call checked(const at::Tensor& input, const at::Tensor& offset, const at::Tensor& mask, const at::Tensor& weight,
             int64_t stride, int64_t padding, int64_t dilation, int64_t top) {
  TORCH_CHECK(stride > 0 && padding >= 0 && dilation > 0 && top >= 0, "dcnv2: numbers out of range");
  TORCH_CHECK(input.dim() == 4 && offset.dim() == 4 && mask.dim() == 4 && weight.dim() == 4,
              "dcnv2: tensors have four dimensions");
  Call c{};
  c.batch = input.size(0), c.channels = input.size(1), c.height = input.size(2), c.width = input.size(3);
  c.out_channels = weight.size(0), c.kernel = weight.size(2);
  c.stride = stride, c.padding = padding, c.dilation = dilation;
  c.points = c.kernel * c.kernel;
  TORCH_CHECK(c.height > 0 && c.width > 0 && c.channels > 0 && c.points > 0, "dcnv2: bad input shape");
  TORCH_CHECK(weight.size(3) == c.kernel && weight.size(1) == c.channels, "dcnv2: bad weight shape");
  const int64_t reach = dilation * (c.kernel - 1) + 1;
  TORCH_CHECK(c.height + 2 * padding >= reach && c.width + 2 * padding >= reach, "dcnv2: input too small");
  c.top = top;
  c.out_height = offset.size(2);
  TORCH_CHECK(top + c.out_height <= (c.height + 2 * padding - reach) / stride + 1, "dcnv2: too many rows of offsets");
  c.out_width = (c.width + 2 * padding - reach) / stride + 1;
  c.groups = mask.size(1) / c.points;
  TORCH_CHECK(c.groups > 0 && c.channels % c.groups == 0, "dcnv2: bad number of groups");
  c.each = c.step = c.channels / c.groups;
  const auto fits = [&](const at::Tensor& t, int64_t planes) {
    return t.size(0) == c.batch && t.size(1) == planes && t.size(2) == c.out_height && t.size(3) == c.out_width;
  };
  TORCH_CHECK(fits(offset, 2 * c.groups * c.points), "dcnv2: bad offset shape");
  TORCH_CHECK(fits(mask, c.groups * c.points), "dcnv2: bad mask shape");
  TORCH_CHECK(c.plane() < std::numeric_limits<int32_t>::max(), "dcnv2: image too large");
  return c;
}

// A matrix in foreign memory, its rows `apart` numbers from one another.
template <typename T>
at::Tensor matrix(const T* numbers, int64_t rows, int64_t columns, int64_t apart) {
  return at::from_blob(const_cast<T*>(numbers), {rows, columns}, {apart, 1}, at::CppTypeToScalarType<T>::value);
}

// How many numbers are computed for `each` channels: whole vectors, where the number is known when compiling.
template <int EACH>
constexpr int64_t span(int64_t each) {
  return EACH ? (EACH + LANES - 1) / LANES * LANES : each;
}

// How far apart in memory the images, planes, rows and pixels of a tensor are.
struct Strides {
  int64_t image, plane, row, pixel;

  explicit Strides(const at::Tensor& t) : image(t.stride(0)), plane(t.stride(1)), row(t.stride(2)), pixel(t.stride(3)) {}
};

// A group's channels of one image (each, H, W) -> (H + 2, W + 2, step) with a border of zeros, which is there already.
template <typename T>
void channels_last(const Call& c, const T* image, const Strides& strides, T* padded) {
  for (int64_t y = 0; y < c.height; ++y) {
    const T* const from = image + y * strides.row;
    T* const to = padded + ((y + 1) * (c.width + 2) + 1) * c.step;
    if (strides.plane == 1) {
      for (int64_t x = 0; x < c.width; ++x)
        for (int64_t channel = 0; channel < c.each; ++channel) to[x * c.step + channel] = from[x * strides.pixel + channel];
    } else {
      for (int64_t channel = 0; channel < c.each; ++channel)
        for (int64_t x = 0; x < c.width; ++x)
          to[x * c.step + channel] = from[channel * strides.plane + x * strides.pixel];
    }
  }
}

template <typename T>
void channels_first(const Call& c, const T* padded, T* image) {
  for (int64_t channel = 0; channel < c.each; ++channel)
    for (int64_t y = 0; y < c.height; ++y) {
      const T* const from = padded + ((y + 1) * (c.width + 2) + 1) * c.step + channel;
      T* const to = image + (channel * c.height + y) * c.width;
      for (int64_t x = 0; x < c.width; ++x) to[x] = from[x * c.step];
    }
}

// Where a kernel point falls for some pixels in a row: the upper left of four pixels, fractions, and whether any is met.
template <typename T>
struct Places {
  std::vector<T> row, column, top, left, there;
  std::vector<int32_t> index;

  explicit Places(int64_t count) : row(count), column(count), top(count), left(count), there(count), index(count) {}

  void begin(const Call& c, int64_t first, int64_t count) {
    for (int64_t n = 0; n < count; ++n) {
      row[n] = T(((first + n) / c.out_width + c.top) * c.stride);
      column[n] = T((first + n) % c.out_width * c.stride);
    }
  }

  // Offsets lie `apart` from pixel to pixel: by 1, or by the number of planes where channels come last.
  void find(const Call& c, int64_t point, const T* dy, const T* dx, int64_t apart, int64_t count) {
    apart == 1 ? find<1>(c, point, dy, dx, 1, count) : find<0>(c, point, dy, dx, apart, count);
  }

  template <int APART>
  void find(const Call& c, int64_t point, const T* dy, const T* dx, int64_t apart_, int64_t count) {
    const int64_t apart = APART ? APART : apart_;
    const T ty = T(point / c.kernel * c.dilation - c.padding), tx = T(point % c.kernel * c.dilation - c.padding);
    const T height = T(c.height), width = T(c.width);
    const int32_t line = static_cast<int32_t>((c.width + 2) * c.step), step = static_cast<int32_t>(c.step);
#pragma omp simd
    for (int64_t n = 0; n < count; ++n) {
      const T py = (dy[n * apart] + ty) + row[n], px = (dx[n * apart] + tx) + column[n];
      // NaN and far-off places are outside before anything becomes an integer. At -1 itself the value is zero, but not
      // its slope: the cell below and to the right of a whole number gives it, here as inside.
      const bool any = py >= T(-1) && px >= T(-1) && py < height && px < width;
      const T y = any ? std::floor(py) : T(-1), x = any ? std::floor(px) : T(-1);
      top[n] = any ? py - y : T(0);
      left[n] = any ? px - x : T(0);
      there[n] = any ? T(1) : T(0);
      index[n] = any ? (static_cast<int32_t>(y) + 1) * line + (static_cast<int32_t>(x) + 1) * step : 0;
    }
  }
};

// Rows of samples: a row a pixel, `apart` numbers from one another, in which a vector's last lanes may reach beyond.
template <typename T, int EACH>
void sample(const Call& c, const Places<T>& at, const T* plane, const T* mask, int64_t mask_apart, int64_t count, T* rows,
            int64_t apart) {
  const int64_t step = c.step, down = (c.width + 2) * step;
  for (int64_t n = 0; n < count; ++n) {
    // Not 0 times the mask: what is outside does not matter.
    const T m = at.there[n] != T(0) ? mask[n * mask_apart] : T(0);
    const T lower = m * at.top[n], upper = m - lower;
    const T w1 = upper * at.left[n], w0 = upper - w1, w3 = lower * at.left[n], w2 = lower - w3;
    const T* const v = plane + at.index[n];
    T* __restrict__ const to = rows + n * apart;
#pragma omp simd
    for (int64_t i = 0; i < span<EACH>(c.each); ++i)
      to[i] = w0 * v[i] + w1 * v[i + step] + w2 * v[i + down] + w3 * v[i + down + step];
  }
}

template <typename T, int EACH>
void forward_image(const Call& c, const T* planes, const T* offset, const Strides& offsets, const T* mask,
                   const Strides& masks, const T* kernel, T* output) {
  const int64_t all = c.channels * c.points, apart = all + LANES, pixels = c.pixels();
  const int64_t each = EACH ? EACH : c.each;
  const int64_t most = std::clamp<int64_t>(CACHE / (all * int64_t(sizeof(T))) / 16 * 16, 16, 512);
  at::parallel_for(0, (pixels + most - 1) / most, 1, [&](int64_t begin, int64_t end) {
    const c10::InferenceMode without_gradients;
    const auto weights = matrix(kernel, c.out_channels, all, all);
    std::vector<T> rows(most * apart);
    Places<T> places(most);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t first = chunk * most, count = std::min(most, pixels - first);
      places.begin(c, first, count);
      for (int64_t k = 0; k < c.groups * c.points; ++k) {
        const T* const dy = offset + 2 * k * offsets.plane + first * offsets.pixel;
        places.find(c, k % c.points, dy, dy + offsets.plane, offsets.pixel, count);
        sample<T, EACH>(c, places, planes + k / c.points * c.plane(), mask + k * masks.plane + first * masks.pixel,
                        masks.pixel, count, rows.data() + k * each, apart);
      }
      matrix(output + first, c.out_channels, count, pixels)
          .addmm_(weights, matrix(rows.data(), count, all, apart).t());
    }
  });
}

// All images of one group. `kernel` and `grad_kernel` are the group's: (out channels, points * each).
template <typename T, int EACH>
void backward_group(Call c, int64_t group, const T* grad_output, const T* input, const Strides& inputs, const T* offset, const T* mask,
                    const T* kernel, T* grad_input, T* grad_offset, T* grad_mask, T* grad_kernel) {
  const int64_t each = EACH ? EACH : c.each, all = each * c.points, apart = all + LANES, pixels = c.pixels();
  // Pixels of whole vectors, so that what was just written is read again as it was written.
  const int64_t width = span<EACH>(each), step = c.step = width, down = (c.width + 2) * step;
  const int64_t most = std::clamp<int64_t>(CACHE / (2 * all * int64_t(sizeof(T))) / 16 * 16, 16, 512);
  std::vector<T> plane(c.plane(), T(0)), grad_plane(c.plane()), rows(most * apart), grads(most * apart);
  const c10::InferenceMode without_gradients;
  const auto weights = matrix(kernel, c.out_channels, all, all);
  const auto grad_weights = matrix(grad_kernel, c.out_channels, all, all);
  Places<T> places(most);
  for (int64_t b = 0; b < c.batch; ++b) {
    channels_last(c, input + b * inputs.image + group * each * inputs.plane, inputs, plane.data());
    std::fill(grad_plane.begin(), grad_plane.end(), T(0));
    const T* const given = grad_output + b * c.out_channels * pixels;
    for (int64_t first = 0; first < pixels; first += most) {
      const int64_t count = std::min(most, pixels - first);
      const auto given_here = matrix(given + first, c.out_channels, count, pixels);
      matrix(grads.data(), count, all, apart).addmm_(given_here.t(), weights, 0);
      places.begin(c, first, count);
      for (int64_t p = 0; p < c.points; ++p) {
        const int64_t k = (b * c.groups + group) * c.points + p;
        const int64_t y = 2 * k * pixels + first, x = y + pixels, one = k * pixels + first;
        places.find(c, p, offset + y, offset + x, 1, count);
        sample<T, EACH>(c, places, plane.data(), mask + one, 1, count, rows.data() + p * each, apart);
        for (int64_t n = 0; n < count; ++n) {
          if (places.there[n] == T(0)) {
            grad_offset[y + n] = grad_offset[x + n] = grad_mask[one + n] = T(0);
            continue;
          }
          const T m = mask[one + n], top = places.top[n], left = places.left[n];
          const T* const v = plane.data() + places.index[n];
          const T* const g = grads.data() + n * apart + p * each;
          // What a vector holds beyond the channels counts nothing.
          const auto slope = [&](int64_t i) { return EACH == 0 || i < EACH ? g[i] : T(0); };
          T d0 = 0, d1 = 0, d2 = 0, d3 = 0;
#pragma omp simd reduction(+ : d0, d1, d2, d3)
          for (int64_t i = 0; i < width; ++i) {
            const T gi = slope(i);
            d0 += gi * v[i];
            d1 += gi * v[i + step];
            d2 += gi * v[i + down];
            d3 += gi * v[i + down + step];
          }
          const T w0 = (1 - top) * (1 - left), w1 = (1 - top) * left, w2 = top * (1 - left), w3 = top * left;
          grad_mask[one + n] = w0 * d0 + w1 * d1 + w2 * d2 + w3 * d3;
          grad_offset[y + n] = m * ((1 - left) * (d2 - d0) + left * (d3 - d1));
          grad_offset[x + n] = m * ((1 - top) * (d1 - d0) + top * (d3 - d2));
          T* const to = grad_plane.data() + places.index[n];
          const T shares[4] = {w0 * m, w1 * m, w2 * m, w3 * m};
          const int64_t corners[4] = {0, step, down, down + step};
          for (int i = 0; i < 4; ++i) {
            T* const corner = to + corners[i];
            const T w = shares[i];
#pragma omp simd
            for (int64_t j = 0; j < width; ++j) corner[j] += w * slope(j);
          }
        }
      }
      grad_weights.addmm_(given_here, matrix(rows.data(), count, all, apart));
    }
    channels_first(c, grad_plane.data(), grad_input + (b * c.channels + group * each) * c.height * c.width);
  }
}

template <typename T, int EACH>
void forward_typed(const Call& c, const at::Tensor& input, const at::Tensor& offset, const at::Tensor& mask,
                   const at::Tensor& kernel, at::Tensor& output) {
  const T *in = input.const_data_ptr<T>(), *off = offset.const_data_ptr<T>(), *m = mask.const_data_ptr<T>();
  const T* const k = kernel.const_data_ptr<T>();
  T* const out = output.mutable_data_ptr<T>();
  std::vector<T> planes(c.groups * c.plane() + LANES, T(0));
  const Strides inputs(input), offsets(offset), masks(mask);
  for (int64_t b = 0; b < c.batch; ++b) {
    at::parallel_for(0, c.groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t group = begin; group < end; ++group)
        channels_last(c, in + b * inputs.image + group * c.each * inputs.plane, inputs, planes.data() + group * c.plane());
    });
    forward_image<T, EACH>(c, planes.data(), off + b * offsets.image, offsets, m + b * masks.image, masks, k,
                           out + b * c.out_channels * c.pixels());
  }
}

template <typename T, int EACH>
void backward_typed(const Call& c, const at::Tensor& grad_output, const at::Tensor& input, const at::Tensor& offset,
                    const at::Tensor& mask, const at::Tensor& kernel, at::Tensor& grad_input, at::Tensor& grad_offset,
                    at::Tensor& grad_mask, at::Tensor& grad_kernel) {
  const T *go = grad_output.const_data_ptr<T>(), *in = input.const_data_ptr<T>();
  const T *off = offset.const_data_ptr<T>(), *m = mask.const_data_ptr<T>(), *k = kernel.const_data_ptr<T>();
  T *gi = grad_input.mutable_data_ptr<T>(), *goff = grad_offset.mutable_data_ptr<T>();
  T *gm = grad_mask.mutable_data_ptr<T>(), *gk = grad_kernel.mutable_data_ptr<T>();
  const int64_t part = c.out_channels * c.points * c.each;
  at::parallel_for(0, c.groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; ++group)
      backward_group<T, EACH>(c, group, go, in, Strides(input), off, m, k + group * part, gi, goff, gm, gk + group * part);
  });
}

// Calls work<type, channels a group> for the types and widths that have code of their own.
#define REFSR_DISPATCH(WORK, ...)                      \
  if (kind == at::kDouble) WORK<double, 0>(__VA_ARGS__); \
  else switch (c.each) {                               \
    case 4: WORK<float, 4>(__VA_ARGS__); break;        \
    case 5: WORK<float, 5>(__VA_ARGS__); break;        \
    case 8: WORK<float, 8>(__VA_ARGS__); break;        \
    case 10: WORK<float, 10>(__VA_ARGS__); break;      \
    case 16: WORK<float, 16>(__VA_ARGS__); break;      \
    default: WORK<float, 0>(__VA_ARGS__);              \
  }

at::ScalarType computed_in(const at::Tensor& input) {
  return input.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// As it is where its pixels lie evenly, with channels first or last.
at::Tensor even(const at::Tensor& t) {
  return t.stride(2) == t.size(3) * t.stride(3) ? t : t.contiguous();
}

at::Tensor forward(const at::Tensor& input_, const at::Tensor& offset_, const at::Tensor& mask_,
                   const at::Tensor& weight_, const std::optional<at::Tensor>& bias, int64_t stride, int64_t padding,
                   int64_t dilation, int64_t top) {
  const auto c = checked(input_, offset_, mask_, weight_, stride, padding, dilation, top);
  const auto kind = computed_in(input_);
  const auto input = input_.to(kind), offset = even(offset_.to(kind)), mask = even(mask_.to(kind));
  // (out, group, point, channel): the order in which a pixel's samples lie.
  const auto kernel =
      weight_.to(kind).reshape({c.out_channels, c.groups, c.each, c.points}).permute({0, 1, 3, 2}).contiguous();
  // The products are added to it.
  auto output = at::zeros({c.batch, c.out_channels, c.out_height, c.out_width}, input.options());
  if (bias) output.add_(bias->to(kind).reshape({c.out_channels, 1, 1}));
  REFSR_DISPATCH(forward_typed, c, input, offset, mask, kernel, output)
  return output.to(input_.scalar_type());
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor> backward(const at::Tensor& grad_output_,
                                                                    const at::Tensor& input_, const at::Tensor& offset_,
                                                                    const at::Tensor& mask_, const at::Tensor& weight_,
                                                                    int64_t stride, int64_t padding,
                                                                    int64_t dilation) {
  const auto c = checked(input_, offset_, mask_, weight_, stride, padding, dilation, 0);
  TORCH_CHECK(grad_output_.dim() == 4 && grad_output_.size(0) == c.batch && grad_output_.size(1) == c.out_channels &&
                  grad_output_.size(2) == c.out_height && grad_output_.size(3) == c.out_width,
              "dcnv2: bad shape of the output's gradient");
  const auto kind = computed_in(input_);
  const auto grad_output = grad_output_.to(kind).contiguous(), input = input_.to(kind);
  const auto offset = offset_.to(kind).contiguous(), mask = mask_.to(kind).contiguous();
  const auto kernel =
      weight_.to(kind).reshape({c.out_channels, c.groups, c.each, c.points}).permute({1, 0, 3, 2}).contiguous();
  auto grad_input = at::empty(input.sizes(), input.options());
  auto grad_offset = at::empty(offset.sizes(), input.options());
  auto grad_mask = at::empty(mask.sizes(), input.options());
  auto grad_kernel = at::zeros(kernel.sizes(), input.options());
  REFSR_DISPATCH(backward_typed, c, grad_output, input, offset, mask, kernel, grad_input, grad_offset, grad_mask,
                 grad_kernel)
  const auto grad_weight = grad_kernel.permute({1, 0, 3, 2}).reshape(weight_.sizes());
  return {grad_input.to(input_.scalar_type()), grad_offset.to(offset_.scalar_type()),
          grad_mask.to(mask_.scalar_type()), grad_weight.to(weight_.scalar_type())};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(refsr_native, m) {
  m.def(
      "dcnv2_forward(Tensor input, Tensor offset, Tensor mask, Tensor weight, Tensor? bias, int stride, int padding, "
      "int dilation, int top) -> Tensor");
  m.def(
      "dcnv2_backward(Tensor grad_output, Tensor input, Tensor offset, Tensor mask, Tensor weight, int stride, "
      "int padding, int dilation) -> (Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(refsr_native, CPU, m) {
  m.impl("dcnv2_forward", &forward);
  m.impl("dcnv2_backward", &backward);
}

}  // namespace refsr
