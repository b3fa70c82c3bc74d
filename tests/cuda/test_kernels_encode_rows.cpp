// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The kernels around the trellis search, one by one: the codes of NUQ and VQ equal to core's, the rest to
// what its definition says.
#include <bit>

#include "core/palette/lloyd_max.h"
#include "core/palette/quantizer.h"
#include "cuda/kernels/encode_feedback.cuh"
#include "tests/cuda/kernel_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

struct Books {
  explicit Books(const Quantizer& quantizer)
      : book(std::vector<float>(quantizer.codebook().begin(), quantizer.codebook().end()), "the codebook")
      , thresholds(thresholds_of(quantizer), "the thresholds") {}

  static std::vector<float> thresholds_of(const Quantizer& quantizer) {
    const auto solution = solve_lloyd_max(quantizer.codebook().size());
    return {solution.thresholds.begin(), solution.thresholds.end()};
  }
  kernels::LevelBook levels() const {
    return {book.data(), thresholds.data(), int(std::bit_width(book.size())) - 1};
  }
  kernels::PairBook pairs() const { return {book.data(), int(std::bit_width(book.size() / 2)) - 1}; }

  Buffer<float> book, thresholds;
};

std::vector<float> unit_weights(std::size_t count, const Quantizer& quantizer) {
  std::vector<float> weights = gaussian(count, count);
  const auto thresholds = Books::thresholds_of(quantizer); // exactly between two levels
  for (std::size_t i = 0; i < std::min(count / 4, thresholds.size()); ++i) weights[3 * i] = thresholds[i];
  weights[0] = 9;
  weights[count - 1] = -9;
  return weights;
}

template <typename Book>
bool agrees_with_core(const Quantizer& quantizer, const Book& book, MatrixShape shape, unsigned blocks) {
  const auto weights = unit_weights(shape.size(), quantizer);
  std::vector<std::byte> expected(quantizer.code_bytes(shape));
  quantizer.encode(weights, shape, expected, {});
  std::vector<float> expected_decoded(shape.size());
  quantizer.decode(expected, shape, 0, shape.rows, expected_decoded);
  Buffer<float> in(weights), decoded(shape.size());
  Buffer<std::uint8_t> codes(expected.size());
  const kernels::CodedRows rows{
      in.data(),     int(shape.rows), int(shape.columns), codes.data(), expected.size() / shape.rows,
      decoded.data()};
  launch_checked(&kernels::encode_rows<Book>, {blocks}, 64, book.shared_bytes(),
                 {written(codes), written(decoded)}, book, rows);
  return std::equal(codes.begin(), codes.end(), expected.begin(),
                    [](std::uint8_t a, std::byte b) { return std::byte(a) == b; }) &&
         std::equal(decoded.begin(), decoded.end(), expected_decoded.begin());
}

bool agrees_with_core(QuantizerFamily family, int quarters) {
  const Quantizer& quantizer = intarsia::quantizer({family, quarters});
  const Books books(quantizer);
  for (const MatrixShape shape : {MatrixShape{3, 40}, {5, 13}, {70, 1}, {2, 129}})
    for (const unsigned blocks : {1u, 3u})
      if (family == QuantizerFamily::nuq ? !agrees_with_core(quantizer, books.levels(), shape, blocks)
                                         : !agrees_with_core(quantizer, books.pairs(), shape, blocks))
        return false;
  return true;
}

constexpr int panel_width = 11, panel_first = 16, columns = 27, row_count = 37;

// A panel at the end of an odd matrix, with an upper triangular factor.
struct PanelData {
  PanelData()
      : unit(gaussian(row_count * columns, 1), "weights")
      , factor(gaussian(panel_width * columns, 2), "the factor")
      , feedback(gaussian(row_count * 16, 3), "feedback")
      , plain(gaussian(row_count * 16, 4), "weights times the factor")
      , errors(row_count * columns, "errors")
      , plain_fits(row_count, "plain sums")
      , fits(row_count, "sums") {
    for (int j = 0; j < panel_width; ++j) u(j, j) = 2 + std::abs(u(j, j));
    std::fill(errors.begin(), errors.end(), 0.f);
    std::fill(plain_fits.begin(), plain_fits.end(), RowFit{1, 2, 3});
    std::fill(fits.begin(), fits.end(), RowFit{4, 5, 6});
  }
  float& u(int i, int j) const { return factor[std::size_t(j * columns + panel_first + i)]; }
  float& w(int row, int j) const { return unit[std::size_t(row * columns + panel_first + j)]; }
  float& error(int row, int j) const { return errors[std::size_t(row * columns + panel_first + j)]; }
  kernels::Panel panel() const {
    return {unit.data(),     row_count,    columns,       panel_first,       panel_width, factor.data(),
            feedback.data(), plain.data(), errors.data(), plain_fits.data(), fits.data()};
  }

  // What a target is when the columns before `block` of the panel have the errors they have, and those
  // between get no error in the norm.
  std::vector<float> targets(int row, int block, int length) const {
    const auto size = std::size_t(length);
    std::vector<float> y(size), result(size);
    for (int j = 0; j < length && block + j < panel_width; ++j) {
      float rest = feedback[std::size_t(row * 16 + block + j)];
      for (int i = 0; i < block; ++i) rest += error(row, i) * u(i, block + j);
      for (int i = 0; i < j; ++i) rest -= y[std::size_t(i)] * u(block + i, block + j);
      y[std::size_t(j)] = rest / u(block + j, block + j);
      result[std::size_t(j)] = w(row, block + j) + y[std::size_t(j)];
    }
    return result;
  }

  bool sums_fit() const {
    for (int row = 0; row < row_count; ++row) {
      RowFit expected_plain{1, 2, 3}, expected{4, 5, 6};
      for (int j = 0; j < panel_width; ++j) {
        const double weight = w(row, j), decoded = weight - error(row, j);
        expected_plain.ww += weight * weight;
        expected_plain.wq += weight * decoded;
        expected_plain.qq += decoded * decoded;
        double lost = feedback[std::size_t(row * 16 + j)];
        for (int i = 0; i <= j; ++i) lost += double(error(row, i)) * double(u(i, j));
        const double v = plain[std::size_t(row * 16 + j)], q = v - lost;
        expected.ww += v * v;
        expected.wq += v * q;
        expected.qq += q * q;
      }
      if (!near(plain_fits[std::size_t(row)], expected_plain) || !near(fits[std::size_t(row)], expected))
        return false;
    }
    return true;
  }
  static bool near(const RowFit& a, const RowFit& b) {
    return std::abs(a.ww - b.ww) + std::abs(a.wq - b.wq) + std::abs(a.qq - b.qq) < 1e-9 * (1 + a.ww + a.qq);
  }

  Buffer<float> unit, factor, feedback, plain, errors;
  Buffer<RowFit> plain_fits, fits;
};

template <typename Book>
bool panel_agrees(const Quantizer& quantizer, const Book& book) {
  const PanelData data;
  const std::size_t bytes = quantizer.code_bytes({1, panel_width});
  Buffer<std::uint8_t> codes(row_count * bytes, "codes");
  launch_checked(&kernels::code_panel<Book>, {2}, 32, kernels::panel_shared_bytes() + book.shared_bytes(),
                 {written(codes), updated(data.errors), updated(data.plain_fits), updated(data.fits)}, book,
                 data.panel(), codes.data(), bytes);
  for (int row = 0; row < row_count; ++row) {
    std::vector<std::byte> expected(bytes);
    const auto coder = quantizer.code_rows({1, panel_width}, 0, 1, expected);
    for (int first = 0; first < panel_width; first += Book::length) {
      const auto count = std::size_t(std::min(Book::length, panel_width - first));
      const auto targets = data.targets(row, first, Book::length); // by the kernel's errors so far
      std::vector<float> decoded(count);
      coder->code(std::span(targets).first(count), count, decoded);
      for (std::size_t j = 0; j < count; ++j)
        if (data.error(row, first + int(j)) != data.w(row, first + int(j)) - decoded[j]) return false;
    }
    for (std::size_t i = 0; i < bytes; ++i)
      if (std::byte(codes[std::size_t(row) * bytes + i]) != expected[i]) return false;
  }
  return data.sums_fit();
}

} // namespace

class TestKernelsEncodeRows : public QObject {
  Q_OBJECT
 private slots:
  void nuq_codes() {
    for (int bits = 2; bits <= 8; ++bits) QVERIFY(agrees_with_core(QuantizerFamily::nuq, 4 * bits));
  }
  void vq_codes() {
    for (const int half_bits : {3, 4, 5, 8, 12})
      QVERIFY(agrees_with_core(QuantizerFamily::vq, 2 * half_bits));
  }

  void trellises_decoded() {
    for (const int quarters : {6, 9, 13, 20}) {
      const Quantizer& quantizer = intarsia::quantizer({QuantizerFamily::tcq, quarters});
      const MatrixShape shape{67, 70};
      std::vector<std::uint8_t> codes(quantizer.code_bytes(shape));
      for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = std::uint8_t(i * i * 31 + i * 7 + 3);
      std::vector<float> expected(shape.size());
      quantizer.decode(std::as_bytes(std::span(codes)), shape, 0, shape.rows, expected);
      Buffer<float> decoded(shape.size());
      Buffer<std::uint8_t> stream(codes, "codes");
      const kernels::TrellisRings rings{nullptr,
                                        0,
                                        int(shape.rows),
                                        int(shape.columns),
                                        unsigned(quarters),
                                        0,
                                        trellis::scale(unsigned(quarters)),
                                        stream.data(),
                                        0,
                                        codes.size() / 2};
      launch_checked(&kernels::decode_trellis, {3}, 64, 0, {written(decoded)}, rings, decoded.data(),
                     shape.columns);
      QVERIFY(std::equal(decoded.begin(), decoded.end(), expected.begin()));
    }
  }

  void rows_scaled() {
    constexpr std::size_t rows = 4, width = 77;
    std::vector<float> weights = gaussian(rows * width, 5);
    for (std::size_t i = 0; i < width; ++i) {
      weights[width + i] = 0;
      weights[2 * width + i] *= 1e-6f; // a scale below binary16's normal numbers
      weights[3 * width + i] *= 1e6f;
    }
    Buffer<float> values(weights);
    Buffer<std::uint16_t> scales(rows);
    launch_checked(&kernels::normalise_rows, {unsigned(rows)}, 64, kernels::row_sums_shared_bytes(),
                   {updated(values), written(scales)}, values.data(), int(width), scales.data());
    for (std::size_t row = 0; row < rows; ++row) {
      double sum = 0;
      for (std::size_t i = 0; i < width; ++i)
        sum += double(weights[row * width + i]) * double(weights[row * width + i]);
      QCOMPARE(scales[row], stored_scale(float(std::sqrt(sum / double(width)))));
      const float scale = half_to_float(scales[row]);
      for (std::size_t i = 0; i < width; ++i)
        QCOMPARE(values[row * width + i], scale == 0 ? 0 : weights[row * width + i] / scale);
    }
  }

  void rows_fitted() {
    constexpr std::size_t rows = 3, width = 101;
    Buffer<float> unit(gaussian(rows * width, 6)), decoded(gaussian(rows * width, 7));
    Buffer<RowFit> fits(rows);
    launch_checked(&kernels::fit_rows, {unsigned(rows)}, 96, kernels::row_sums_shared_bytes(),
                   {written(fits)}, unit.data(), decoded.data(), int(width), fits.data());
    for (std::size_t row = 0; row < rows; ++row) {
      RowFit expected;
      for (std::size_t i = row * width; i < (row + 1) * width; ++i) {
        expected.ww += double(unit[i]) * double(unit[i]);
        expected.wq += double(unit[i]) * double(decoded[i]);
        expected.qq += double(decoded[i]) * double(decoded[i]);
      }
      QVERIFY(PanelData::near(fits[row], expected));
    }
  }

  void weights_that_are_no_numbers() {
    for (const std::size_t at : {std::size_t(0), std::size_t(123), std::size_t(999), std::size_t(1000)}) {
      std::vector<float> values = gaussian(1000, 8);
      if (at < 1000) values[at] = at % 2 == 0 ? NAN : -INFINITY;
      if (at < 900) values[at + 50] = NAN;
      Buffer<float> in(values);
      Buffer<unsigned> first(std::vector<unsigned>{0});
      launch_checked(&kernels::find_non_finite, {2}, 96, 0, {updated(first)}, in.data(), values.size(),
                     first.data());
      QCOMPARE(first[0], at < 1000 ? ~unsigned(at) : 0u);
    }
  }

  void panels_multiplied() {
    for (const int depth : {0, 1, 64, 150})
      for (const int count : {1, 16}) {
        constexpr int rows = 21, width = 150;
        Buffer<float> left(gaussian(rows * width, 9)), factor(gaussian(std::size_t(count * width), 10));
        Buffer<float> out(std::size_t(rows) * 16);
        launch_checked(&kernels::multiply_panel, {2}, unsigned(kernels::panel_threads),
                       kernels::multiply_panel_shared_bytes(), {written(out)}, left.data(), rows,
                       factor.data(), count, std::size_t(width), depth, out.data());
        std::vector<float> expected(out.size());
        for (int row = 0; row < rows; ++row)
          for (int j = 0; j < count; ++j) {
            double sum = 0;
            for (int i = 0; i < depth; ++i)
              sum += double(left[std::size_t(row * width + i)]) * double(factor[std::size_t(j * width + i)]);
            expected[std::size_t(row * 16 + j)] = float(sum);
          }
        QVERIFY(close(out, expected));
      }
  }

  void panels_of_tiles() {
    const PanelData data;
    Buffer<float> targets(row_count * 16, "targets");
    launch_checked(&kernels::aim_panel, {2}, 32, kernels::panel_shared_bytes(), {written(targets)},
                   data.panel(), targets.data());
    for (int row = 0; row < row_count; ++row) {
      const auto expected = data.targets(row, 0, 16);
      QVERIFY(std::equal(expected.begin(), expected.end(), targets.data() + row * 16));
    }
    const Buffer<float> decoded(gaussian(row_count * 16, 11), "what they became");
    launch_checked(&kernels::settle_panel, {1}, 64, kernels::panel_shared_bytes(),
                   {updated(data.errors), updated(data.plain_fits), updated(data.fits)}, data.panel(),
                   decoded.data());
    for (int row = 0; row < row_count; ++row) {
      for (int j = 0; j < panel_first; ++j) QCOMPARE(data.errors[std::size_t(row * columns + j)], 0.f);
      for (int j = 0; j < panel_width; ++j)
        QCOMPARE(data.error(row, j), data.w(row, j) - decoded[std::size_t(row * 16 + j)]);
    }
    QVERIFY(data.sums_fit());
  }

  void panels_of_rows() {
    for (const int bits : {2, 3, 8}) {
      const Quantizer& quantizer = intarsia::quantizer({QuantizerFamily::nuq, 4 * bits});
      const Books books(quantizer);
      QVERIFY(panel_agrees(quantizer, books.levels()));
    }
    for (const int half_bits : {3, 7}) {
      const Quantizer& quantizer = intarsia::quantizer({QuantizerFamily::vq, 2 * half_bits});
      const Books books(quantizer);
      QVERIFY(panel_agrees(quantizer, books.pairs()));
    }
  }
};

QTEST_APPLESS_MAIN(TestKernelsEncodeRows)
#include "test_kernels_encode_rows.moc"
