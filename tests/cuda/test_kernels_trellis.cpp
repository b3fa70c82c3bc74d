// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
// The trellis kernels: activations in bytes, products from the codes, and rows as binary16.
#include "cuda/kernels/quantize_rows.cuh"
#include "cuda/launch/trellis_plan.h"
#include "tests/cuda/linear_test.h"

using namespace intarsia;
using namespace intarsia::test;

namespace {

// Rows of activations in guarded memory, in binary16 and in bytes.
struct Activations {
  std::size_t batch, d_in;
  int terms;
  Buffer<std::uint16_t> halves;
  Buffer<std::uint32_t> words;
  Buffer<int> sums;
  Buffer<float> scales;

  Activations(std::size_t rows, std::size_t width, int count, std::uint64_t seed = 7)
      : Activations(rows, width, count, to_halves(gaussian(rows * width, seed))) {}
  Activations(std::size_t rows, std::size_t width, int count, const std::vector<std::uint16_t>& values)
      : batch(rows)
      , d_in(width)
      , terms(count)
      , halves(values, "the activations")
      , words(all() * cuda::int8_step_words, "the activations in bytes")
      , sums(all(), "sums of bytes")
      , scales(rows * std::size_t(count), "scales of bytes") {}

  std::size_t all() const { return batch * std::size_t(terms) * std::size_t(cuda::int8_steps(d_in)); }
  cuda::Int8Rows rows() const {
    return {words.data(), sums.data(), scales.data(), cuda::int8_steps(d_in), terms};
  }
  void quantize(unsigned threads = 64) const {
    test::launch_checked(&kernels::quantize_rows, {unsigned(batch)}, threads,
                         kernels::quantize_shared_bytes(), {written(words), written(sums), written(scales)},
                         halves.data(), int(d_in), rows());
  }
  int byte(std::size_t row, int term, std::size_t k) const { // as core/memory/cuda/int8_rows.h says
    const cuda::Int8Rows from = rows().from(row);
    const std::size_t word = k / 64 * 16 + k % 64 / 16 * 4 + k % 4;
    const std::uint32_t four = from.words[std::size_t(term * from.steps) * cuda::int8_step_words + word];
    return std::int8_t(four >> (8 * (k % 16 / 4)) & 0xFF);
  }
  double value(std::size_t row, std::size_t k) const {
    double sum = 0;
    for (int term = 0; term < terms; ++term)
      sum += double(byte(row, term, k)) * double(rows().from(row).scales[term]);
    return sum;
  }
};

struct Case {
  std::vector<std::size_t> rows; // of the members
  std::size_t d_in;
  int batch;
  int terms = 2;
  int multiprocessors = 1; // as many slices as would fill them
};

// A group of linears on the CPU and in guarded memory.
struct Group {
  Group(QuantizerId id, const Case& c)
      : x(std::size_t(c.batch), c.d_in, c.terms)
      , sums(std::vector<int>(64 * 16 * 32, 0), "split sums")
      , arrived(std::vector<unsigned>(16, 0), "counters") {
    x.quantize();
    for (const std::size_t rows : c.rows) {
      const std::size_t i = layers.size();
      layers.push_back(random_linear(id, {rows, c.d_in}, 11 + i));
      codes.push_back(std::make_unique<Buffer<kernels::Byte>>(device_bytes(layers[i]), "the codes"));
      scales.push_back(std::make_unique<Buffer<std::uint16_t>>(layers[i].row_scales, "the scales"));
      outputs.push_back(std::make_unique<Buffer<float>>(std::size_t(c.batch) * rows, "y"));
      linears.push_back({id, int(rows), int(c.d_in), codes[i]->data(), scales[i]->data(), nullptr});
      places.push_back({outputs[i]->data(), rows});
    }
  }

  void launch(const Case& c) const {
    for (const cuda::TrellisLaunch& launch : cuda::plan_trellis(
             linears, x.rows(), c.batch, places, {sums.data(), arrived.data()}, c.multiprocessors))
      cuda::with_trellis_rate(launch.quarters, [&]<int quarters>() {
        switch (launch.eights) {
        case 1:
          return start<quarters, 1>(launch);
        case 2:
          return start<quarters, 2>(launch);
        default:
          return start<quarters, 4>(launch);
        }
      });
  }
  template <int quarters, int eights>
  void start(const cuda::TrellisLaunch& launch) const {
    simt::host::Outputs all = {updated(sums), updated(arrived)};
    for (const auto& y : outputs) all.push_back(launch.group.add ? updated(*y) : written(*y));
    test::launch_checked(&kernels::trellis_group<quarters, eights>,
                         {launch.panels, unsigned(launch.group.slices)}, unsigned(launch.threads),
                         launch.shared_bytes, all, launch.group);
  }

  // Each y against the product of what the CPU decodes and what the bytes stand for, within what rounding of
  // few sums in f32 leaves; and zeros where slices met.
  bool agrees(const Case& c) const {
    for (std::size_t m = 0; m < layers.size(); ++m) {
      const std::size_t rows = c.rows[m];
      std::vector<float> weights(rows * c.d_in);
      decode_rows(layers[m], 0, rows, weights);
      for (std::size_t n = 0; n < std::size_t(c.batch); ++n)
        for (std::size_t r = 0; r < rows; ++r) {
          double sum = 0, size = 0;
          for (std::size_t k = 0; k < c.d_in; ++k) {
            const double term = double(weights[r * c.d_in + k]) * x.value(n, k);
            sum += term;
            size += std::abs(term);
          }
          const double got = double((*outputs[m])[n * rows + r]);
          if (!(std::abs(got - sum) <= size * 4e-7)) {
            qWarning("member %zu, batch %zu, row %zu: %.9g and not %.9g", m, n, r, got, sum);
            return false;
          }
        }
    }
    return std::all_of(sums.begin(), sums.end(), [](int sum) { return sum == 0; }) &&
           std::all_of(arrived.begin(), arrived.end(), [](unsigned count) { return count == 0; });
  }

  std::vector<QuantizedLinear> layers;
  Activations x;
  Buffer<int> sums;
  Buffer<unsigned> arrived;
  std::vector<std::unique_ptr<Buffer<kernels::Byte>>> codes;
  std::vector<std::unique_ptr<Buffer<std::uint16_t>>> scales;
  std::vector<std::unique_ptr<Buffer<float>>> outputs;
  std::vector<cuda::DeviceLinear> linears;
  std::vector<cuda::LinearOutput> places;
};

bool agrees(const char* name, const Case& c) {
  const Group group(parse_quantizer_id(name), c);
  group.launch(c);
  return group.agrees(c);
}

bool decodes(const char* name, MatrixShape shape, std::size_t first, std::size_t count, std::size_t stride,
             unsigned blocks = 2) {
  const QuantizerId id = parse_quantizer_id(name);
  const QuantizedLinear layer = random_linear(id, shape, 5);
  const Buffer<kernels::Byte> codes(device_bytes(layer), "the codes");
  const Buffer<std::uint16_t> scales(layer.row_scales, "the scales");
  const DecodedRows rows(first, count, stride);
  const cuda::DeviceLinear linear{id,           int(shape.rows), int(shape.columns),
                                  codes.data(), scales.data(),   nullptr};
  for (const cuda::TrellisPass& pass : cuda::trellis_passes(id, shape.columns, 2))
    cuda::with_trellis_rate(pass.quarters, [&]<int quarters>() {
      const kernels::TrellisMatrix matrix = cuda::trellis_matrix(linear, pass);
      const unsigned grid = cuda::trellis_rows_blocks(matrix, int(first), int(count), 64, int(blocks));
      test::launch_checked(&kernels::decode_trellis_rows<quarters>, {grid}, 64,
                           kernels::trellis_rows_shared_bytes(64), {updated(rows.out)}, matrix, int(first),
                           int(count), rows.out.data(), stride);
    });
  return rows.agree(layer);
}

} // namespace

class TestKernelsTrellis : public QObject {
  Q_OBJECT
 private slots:
  // Bytes are the nearest, to each other within half a unit of the last term.
  void activations_in_bytes() {
    for (const std::size_t d_in : {1u, 16u, 63u, 64u, 65u, 300u})
      for (const int terms : {1, 2}) {
        const Activations x(3, d_in, terms);
        x.quantize(d_in < 100 ? 32 : 96);
        for (std::size_t row = 0; row < 3; ++row) {
          double largest = 0;
          std::vector<int> sums(std::size_t(2 * cuda::int8_steps(d_in)), 0);
          for (std::size_t k = 0; k < d_in; ++k)
            largest = std::max(largest, std::abs(double(half_to_float(x.halves[row * d_in + k]))));
          const float* scales = x.rows().from(row).scales;
          QCOMPARE(scales[0], float(largest) / 127);
          for (std::size_t k = 0; k < d_in; ++k) {
            const double value = double(half_to_float(x.halves[row * d_in + k]));
            QVERIFY(std::abs(value - x.value(row, k)) <= 0.501 * double(scales[terms - 1]));
            for (int term = 0; term < terms; ++term)
              sums[std::size_t(term * cuda::int8_steps(d_in)) + k / 64] += x.byte(row, term, k);
          }
          for (int i = 0; i < terms * cuda::int8_steps(d_in); ++i)
            QCOMPARE(x.rows().from(row).sums[i], sums[std::size_t(i)]);
          for (std::size_t k = d_in; k < std::size_t(64 * cuda::int8_steps(d_in)); ++k)
            for (int term = 0; term < terms; ++term) QCOMPARE(x.byte(row, term, k), 0);
        }
      }
  }

  void rows_of_zeros_and_of_no_numbers() {
    std::vector<std::uint16_t> values(4 * 70, 0);
    values[70 + 3] = 0x7E00;      // NaN
    values[2 * 70 + 69] = 0xFC00; // -infinity
    values[3 * 70] = 0x8001;      // the smallest number there is
    const Activations x(4, 70, 2, values);
    x.quantize();
    for (std::size_t k = 0; k < 70; ++k) QCOMPARE(x.value(0, k), 0.0);
    QVERIFY(std::isnan(x.scales[2]) && std::isnan(x.scales[3]));
    QVERIFY(std::isinf(x.scales[4]) && std::isinf(x.scales[5]));
    QCOMPARE(x.byte(3, 0, 0), -127);
  }

  void every_rate_data() {
    QTest::addColumn<int>("member");
    for (std::size_t i = 0; i < palette().size(); ++i)
      if (cuda::is_trellis(palette()[i]->id()))
        QTest::newRow(to_string(palette()[i]->id()).c_str()) << int(i);
  }
  void every_rate() {
    QFETCH(int, member);
    const std::string id = to_string(palette()[std::size_t(member)]->id());
    QVERIFY(agrees(id.c_str(), {{70}, 150, 3}));
    QVERIFY(decodes(id.c_str(), {70, 150}, 0, 70, 150));
    if (id.find("half") == 0) return;
    QVERIFY(agrees(id.c_str(), {{64}, 64, 7}));  // 16 columns of the product
    QVERIFY(agrees(id.c_str(), {{64}, 64, 16})); // 32
  }

  void batches_and_shapes() {
    for (const char* name : {"tcq-3.25", "half-tcq-2.75"}) {
      for (const int batch : {1, 2, 4, 5, 8, 9})
        for (const int terms : {1, 2}) QVERIFY(agrees(name, {{33}, 130, batch, terms}));
      for (const std::size_t d_in : {1u, 2u, 15u, 17u, 63u, 65u, 129u}) QVERIFY(agrees(name, {{5}, d_in, 2}));
      for (const std::size_t rows : {1u, 8u, 63u, 65u, 128u}) QVERIFY(agrees(name, {{rows}, 48, 1}));
    }
  }

  // More steps than a chunk has in shared memory, and than warps.
  void long_rows() {
    QVERIFY(agrees("tcq-2", {{20}, 5000, 1, 2, 0}));
    QVERIFY(agrees("tcq-4.25", {{2}, 4300, 3, 2, 0}));
    QVERIFY(agrees("half-tcq-3", {{2}, 2500, 16, 2, 0}));
    QVERIFY(agrees("tcq-3.5", {{2}, 2200, 8, 2, 0})); // 16 columns of the product
  }

  void slices_meet() {
    QVERIFY(agrees("tcq-3", {{70, 3}, 1200, 2, 2, 4}));
    QVERIFY(agrees("tcq-1.5", {{64}, 1030, 9, 2, 8}));
    QVERIFY(agrees("half-tcq-4.5", {{64}, 1600, 1, 1, 8}));
    QVERIFY(agrees("tcq-2.5", {{64}, 1030, 8, 2, 8})); // 16 columns of the product
    // Slices of several chunks each, for every number of columns.
    QVERIFY(agrees("tcq-2", {{2}, 193 * 64, 1, 2, 1}));
    QVERIFY(agrees("tcq-2", {{2}, 97 * 64, 8, 2, 1}));
    QVERIFY(agrees("tcq-2", {{2}, 49 * 64, 16, 2, 1}));
    const Case c{{70, 3}, 1200, 2, 2, 4};
    const Group group(parse_quantizer_id("tcq-3"), c);
    const auto launches = cuda::plan_trellis(group.linears, group.x.rows(), c.batch, group.places,
                                             {group.sums.data(), group.arrived.data()}, 4);
    QCOMPARE(launches.size(), std::size_t(1));
    QCOMPARE(launches[0].group.slices, 3); // of 19 steps; three panels share four multiprocessors
  }

  void fused_groups() {
    QVERIFY(agrees("tcq-3", {{48, 16, 17}, 96, 2}));
    QVERIFY(agrees("half-tcq-3.25", {{1, 70, 3, 5, 16, 32, 129, 2}, 133, 9}));
  }

  // The largest state all over and the largest activations: the bytes' sum is beyond 2^31, the product
  // within.
  void the_widest_sums_fit() {
    constexpr std::size_t d_in = std::size_t(kernels::max_trellis_steps) * 64;
    QVERIFY(std::int64_t(trellis::offset) * 127 * std::int64_t(d_in) < (std::int64_t(1) << 31));
    // At 4 bits, bits that repeat every 16 have four states: those with the largest sum.
    const auto sum_of = [](std::uint32_t state) {
      int sum = 0;
      for (int turn = 0; turn < 4; ++turn, state = (state >> 4 | state << 12) & 0xFFFF)
        sum += trellis::byte_sum(state);
      return sum;
    };
    std::uint32_t largest = 0;
    for (std::uint32_t state = 0; state < trellis::states; ++state)
      if (sum_of(state) > sum_of(largest)) largest = state;
    QVERIFY(std::int64_t(sum_of(largest)) / 4 * 127 * std::int64_t(d_in) > (std::int64_t(1) << 31));
    const QuantizerId id = parse_quantizer_id("tcq-4");
    const Case c{{1}, d_in, 1, 1, 0};
    Group group(id, c);
    for (std::size_t i = 0; i < group.codes[0]->size(); ++i)
      (*group.codes[0])[i] = kernels::Byte(largest >> (i % 2 * 8));
    group.layers[0].codes.resize(group.codes[0]->size());
    std::memcpy(group.layers[0].codes.data(), group.codes[0]->data(), group.codes[0]->size());
    for (std::size_t k = 0; k < d_in; ++k) group.x.halves[k] = 0x3C00; // ones
    group.x.quantize();
    group.launch(c);
    QVERIFY(group.agrees(c));
  }

  void wide_inputs_and_two_rates_are_several_launches() {
    const auto one = cuda::trellis_passes(parse_quantizer_id("tcq-3"), 33152);
    QCOMPARE(one.size(), std::size_t(1));
    const auto wide = cuda::trellis_passes(parse_quantizer_id("tcq-3"), 53248); // of Llama-405B
    QCOMPARE(wide.size(), std::size_t(2));
    QCOMPARE(wide[1].first_step, 518);
    QCOMPARE(wide[1].steps, 832 - 518);
    QCOMPARE(wide[1].first_word, std::size_t(518) * 32 * 12);
    const auto half = cuda::trellis_passes(parse_quantizer_id("half-tcq-3.25"), 64 * 7);
    QCOMPARE(half.size(), std::size_t(2));
    QCOMPARE(half[0].quarters, 12);
    QCOMPARE(half[0].steps, 4);
    QCOMPARE(half[1].quarters, 14);
    QCOMPARE(half[1].first_word, std::size_t(4) * 32 * 12);
  }

  // Bytes of another column than the code's are a wrong product.
  void a_wrong_order_of_activations_is_caught() {
    const Case c{{16}, 64, 1};
    Group group(parse_quantizer_id("tcq-3"), c);
    std::swap(group.x.words[0], group.x.words[1]);
    group.launch(c);
    std::swap(group.x.words[0], group.x.words[1]);
    QTest::ignoreMessage(QtWarningMsg, QRegularExpression("member 0, batch 0, row 0: .* and not"));
    QVERIFY(!group.agrees(c));
  }

  void ranges_of_rows_are_decoded() {
    for (const char* name : {"tcq-2.25", "half-tcq-3"}) {
      QVERIFY(decodes(name, {150, 160}, 16, 100, 160));
      QVERIFY(decodes(name, {150, 160}, 5, 13, 168, 1));
      QVERIFY(decodes(name, {50, 33}, 49, 1, 40));
      QVERIFY(decodes(name, {70, 32}, 63, 2, 33));
      QVERIFY(decodes(name, {3, 1}, 1, 2, 1));
    }
  }
};

QTEST_APPLESS_MAIN(TestKernelsTrellis)
#include "test_kernels_trellis.moc"
