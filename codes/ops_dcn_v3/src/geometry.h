// What the CPU and the CUDA part share: the numbers of one call and where a kernel point falls.
#pragma once

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define REFSR_BOTH __host__ __device__ __forceinline__
#else
#define REFSR_BOTH inline
#endif

namespace refsr {

struct Geometry {
  int64_t batch, height, width, channels;
  int64_t out_height, out_width;
  int64_t groups, group_channels, points;
  int64_t kernel, stride, padding, dilation, centre;
  double offset_scale;
  int64_t removed;  // index of the kernel point that is left out, or -1
};

// Point `p` of those that are kept, as (x, y) pixels from the kernel's middle: x slow, y fast.
REFSR_BOTH void tap(const Geometry& g, int64_t p, int64_t& x, int64_t& y) {
  // 32 bits hold it (interface.h sees to that), and GPUs divide them several times as fast as 64.
  const uint32_t k = static_cast<uint32_t>((g.removed >= 0 && p >= g.removed) ? p + 1 : p);
  const uint32_t side = static_cast<uint32_t>(g.kernel);
  x = int64_t(k / side) * g.dilation - g.centre;
  y = int64_t(k % side) * g.dilation - g.centre;
}

// The four pixels round a place: their weights, and whether each lies inside the image.
template <typename A>
struct Corners {
  int64_t x, y;        // the upper left one
  A left, top;         // fractions: how far the place lies from it
  bool any, inside[4]; // upper left, upper right, lower left, lower right
};

template <typename A>
REFSR_BOTH Corners<A> corners(A px, A py, int64_t height, int64_t width) {
  Corners<A> c{};
  // Written so that NaN and far-off places are outside before anything becomes an integer.
  // At -1 itself the value is zero, but not its slope: the cell to the right of a whole number gives it, here as inside.
  c.any = px >= A(-1) && py >= A(-1) && px < A(width) && py < A(height);
  if (!c.any) return c;
  // Not px + 1 truncated: that would round a place just inside the far edge to a pixel beyond it.
  const A x = std::floor(px), y = std::floor(py);
  c.x = static_cast<int64_t>(x);
  c.y = static_cast<int64_t>(y);
  c.left = px - x;
  c.top = py - y;
  const bool l = c.x >= 0, r = c.x + 1 < width, t = c.y >= 0, b = c.y + 1 < height;
  c.inside[0] = t && l;
  c.inside[1] = t && r;
  c.inside[2] = b && l;
  c.inside[3] = b && r;
  return c;
}

}  // namespace refsr
