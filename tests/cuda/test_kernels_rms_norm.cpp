// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/kernels/rms_norm.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

constexpr float epsilon = 1e-5f;

std::vector<float> reference(const std::vector<float>& x, const std::vector<float>& gain) {
  std::vector<float> out(x.size());
  const std::size_t width = gain.size();
  for (std::size_t row = 0; row < x.size(); row += width) {
    double sum = 0;
    for (std::size_t i = 0; i < width; ++i) sum += double(x[row + i]) * double(x[row + i]);
    const double scale = 1 / std::sqrt(sum / double(width) + double(epsilon));
    for (std::size_t i = 0; i < width; ++i)
      out[row + i] = float(double(x[row + i]) * scale * double(gain[i]));
  }
  return out;
}

template <typename Out>
bool agrees(std::size_t width, unsigned rows, unsigned threads, float size) {
  std::vector<float> x = gaussian(rows * width, width);
  for (float& value : x) value *= size;
  const std::vector<float> gain = gaussian(width, 7);
  Buffer<float> in(x), gains(gain);
  Buffer<Out> out(x.size());
  launch_checked(&kernels::rms_norm<Out>, {rows}, threads, sizeof(float) * kernels::reduce_scratch,
                 {written(out)}, in.data(), gains.data(), epsilon, int(width), out.data());
  return close(out, reference(x, gain));
}

} // namespace

class TestKernelsRmsNorm : public QObject {
  Q_OBJECT
 private slots:
  void rows_are_normalised_as_on_the_cpu() {
    for (const std::size_t width : {1u, 3u, 31u, 33u, 100u, 576u, 1000u})
      for (const unsigned threads : {32u, 96u, 256u}) {
        QVERIFY(agrees<float>(width, 3, threads, 1));
        QVERIFY(agrees<std::uint16_t>(width, 2, threads, 1));
      }
    QVERIFY(agrees<float>(2050, 1, 1024, 1));
  }
  void small_and_large_rows() {
    QVERIFY(agrees<float>(67, 2, 64, 1e-4f)); // epsilon counts
    QVERIFY(agrees<float>(67, 2, 64, 1e4f));
    QVERIFY(agrees<float>(67, 2, 64, 0));
  }
};

QTEST_APPLESS_MAIN(TestKernelsRmsNorm)
#include "test_kernels_rms_norm.moc"
