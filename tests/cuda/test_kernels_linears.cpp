// SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
#include "cuda/launch/linear_plan.h"
#include "tests/cuda/linear_test.h"

using namespace intarsia;
using namespace intarsia::test;
using cuda::KernelPath;

namespace {

struct Case {
  std::vector<std::size_t> rows; // of the members
  std::size_t d_in;
  int batch;
  KernelPath path = KernelPath::tensor_core;
  int tiles_high = 1;
};

// A group of linears on the CPU and in guarded memory.
struct Group {
  Group(QuantizerId id, const Case& c, const Buffer<float>& codebook)
      : x(to_halves(gaussian(std::size_t(c.batch) * c.d_in, 7)), "the activations") {
    for (const std::size_t rows : c.rows) {
      const std::size_t i = layers.size();
      layers.push_back(random_linear(id, {rows, c.d_in}, 11 + i));
      codes.push_back(std::make_unique<Buffer<kernels::Byte>>(device_bytes(layers[i]), "the codes"));
      scales.push_back(std::make_unique<Buffer<std::uint16_t>>(layers[i].row_scales, "the scales"));
      outputs.push_back(std::make_unique<Buffer<float>>(std::size_t(c.batch) * rows, "y"));
      const bool scaled = !layers[i].row_scales.empty();
      linears.push_back({id, int(rows), int(c.d_in), codes[i]->data(), scaled ? scales[i]->data() : nullptr,
                         codebook.data()});
      places.push_back({outputs[i]->data(), rows});
    }
  }
  simt::host::Outputs all_outputs() const {
    simt::host::Outputs all;
    for (const auto& y : outputs) all.push_back(written(*y));
    return all;
  }
  // Each y against the product of what the CPU decodes, within what rounding of sums in f32 leaves (and of
  // NUQ's levels to binary16, `level_error` of each).
  bool agrees(const Case& c, double level_error) const {
    for (std::size_t m = 0; m < layers.size(); ++m) {
      const std::size_t rows = c.rows[m];
      std::vector<float> weights(rows * c.d_in);
      decode_rows(layers[m], 0, rows, weights);
      for (std::size_t n = 0; n < std::size_t(c.batch); ++n)
        for (std::size_t r = 0; r < rows; ++r) {
          double sum = 0, size = 0;
          for (std::size_t k = 0; k < c.d_in; ++k) {
            const double term = double(weights[r * c.d_in + k]) * double(half_to_float(x[n * c.d_in + k]));
            sum += term;
            size += std::abs(term);
          }
          const double got = double((*outputs[m])[n * rows + r]), bound = size * (4e-7 + level_error);
          if (!(std::abs(got - sum) <= bound)) {
            qWarning("member %zu, batch %zu, row %zu: %.9g and not %.9g", m, n, r, got, sum);
            return false;
          }
        }
    }
    return true;
  }

  std::vector<QuantizedLinear> layers;
  Buffer<std::uint16_t> x;
  std::vector<std::unique_ptr<Buffer<kernels::Byte>>> codes;
  std::vector<std::unique_ptr<Buffer<std::uint16_t>>> scales;
  std::vector<std::unique_ptr<Buffer<float>>> outputs;
  std::vector<cuda::DeviceLinear> linears;
  std::vector<cuda::LinearOutput> places;
};

bool agrees(QuantizerId id, const Case& c) {
  const Buffer<float> codebook = codebook_buffer(id);
  const Group group(id, c, codebook);
  cuda::with_linear_kernel(
      id, c.path, c.batch, c.tiles_high, [&]<typename Decoder, int tiles_high, typename Product>() {
        auto launch = cuda::plan_group(group.linears, group.x.data(), c.batch, group.places, tiles_high);
        cuda::choose_threads<Decoder, tiles_high, Product>(launch);
        const int rate = launch.group.row.quarters;
        const auto columns = unsigned(Product::columns);
        test::launch_checked(&kernels::linear_group<Decoder, tiles_high, Product>,
                             {launch.blocks, (unsigned(c.batch) + columns - 1) / columns},
                             unsigned(launch.threads),
                             kernels::linear_shared_bytes<Decoder, tiles_high, Product>(rate, launch.threads),
                             group.all_outputs(), launch.group);
      });
  return group.agrees(c, id.family == QuantizerFamily::nuq ? 0x1p-11 : 0);
}

bool agrees_f16(const Case& c) {
  const Buffer<float> none(0);
  const Group group({}, c, none);
  const auto launch = cuda::plan_group(group.linears, group.x.data(), c.batch, group.places, 1);
  if (c.batch <= 8)
    test::launch_checked(&kernels::f16_linear_group<1>, {launch.blocks}, 64,
                         kernels::sums_bytes<1, kernels::TensorProduct<1>>(64), group.all_outputs(),
                         launch.group);
  else
    test::launch_checked(&kernels::f16_linear_group<2>, {launch.blocks}, 96,
                         kernels::sums_bytes<1, kernels::TensorProduct<2>>(96), group.all_outputs(),
                         launch.group);
  return group.agrees(c, 0);
}

using Pairs = kernels::PairDecoder<true>;
struct PermutedDecoder : Pairs {
  void weights(std::uint32_t lower, std::uint32_t upper, std::uint32_t (&a)[4]) const {
    Pairs::weights(lower, upper, a);
    std::swap(a[1], a[2]);
  }
};

// The codes as core has them again from the device's, bit by bit: the inverse of device_codes().
std::vector<std::byte> stored_codes(QuantizerId id, MatrixShape shape, const std::vector<std::byte>& device) {
  std::vector<std::byte> stored(quantizer(id).code_bytes(shape));
  const auto move_bits = [&](std::size_t from, std::size_t to, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, ++from, ++to)
      stored[to / 8] |= std::byte((unsigned(device[from / 8]) >> from % 8 & 1u) << to % 8);
  };
  if (id.family == QuantizerFamily::f16) {
    for (std::size_t r = 0; r < shape.rows; ++r)
      move_bits(r * cuda::f16_stride(shape.columns) * 16, r * shape.columns * 16, shape.columns * 16);
    return stored;
  }
  if (cuda::is_trellis(id)) return device;
  const cuda::TileRow row = cuda::tile_row(id, shape.columns);
  const std::size_t vector = quantizer(id).block_columns(), quarters = std::size_t(id.quarter_bits);
  const std::size_t width = quarters * vector / 4, per_row = (shape.columns + vector - 1) / vector;
  for (std::size_t r = 0; r < shape.rows; ++r)
    for (unsigned step = 0; step < 256; step += unsigned(vector)) {
      const cuda::TilePosition place = cuda::tile_position(step);
      if (place.row != r % 16) continue;
      for (std::size_t tile = 0; 16 * tile + place.column < shape.columns; ++tile)
        move_bits(8 * (r / 16 * row.bytes + tile * 8 * quarters) + step * quarters / 4,
                  8 * (r * ((per_row * width + 7) / 8)) + (16 * tile + place.column) / vector * width, width);
    }
  return stored;
}

// A layer's codes, with 0 in the bits that fill up a row's last byte.
std::vector<std::byte> without_padding(const QuantizedLinear& layer) {
  std::vector<std::byte> codes = layer.codes;
  const Quantizer& coder = quantizer(layer.quantizer);
  if (cuda::is_trellis(layer.quantizer) || layer.quantizer.family == QuantizerFamily::f16) return codes;
  const std::size_t vector = coder.block_columns();
  const std::size_t bits =
      (layer.shape.columns + vector - 1) / vector * vector * std::size_t(layer.quantizer.quarter_bits) / 4;
  const std::size_t row_bytes = (bits + 7) / 8;
  if (bits % 8 != 0)
    for (std::size_t r = 0; r < layer.shape.rows; ++r)
      codes[(r + 1) * row_bytes - 1] &= std::byte((1u << bits % 8) - 1);
  return codes;
}

bool decodes(QuantizerId id, MatrixShape shape, std::size_t first, std::size_t count, std::size_t stride,
             unsigned blocks = 2) {
  const QuantizedLinear layer = random_linear(id, shape, 5);
  const Buffer<kernels::Byte> codes(device_bytes(layer), "the codes");
  const Buffer<std::uint16_t> scales(layer.row_scales, "the scales");
  const Buffer<float> codebook = codebook_buffer(id);
  const DecodedRows rows(first, count, stride);
  const kernels::DecodedLinear linear{codes.data(),    scales.data(),
                                      codebook.data(), cuda::tile_row(id, shape.columns),
                                      int(shape.rows), int(shape.columns)};
  cuda::with_decoder<true>(id, [&]<typename Decoder>() {
    const unsigned grid = cuda::decode_blocks(linear, int(first), int(count), 64, int(blocks));
    test::launch_checked(&kernels::decode_linear<Decoder>, {grid}, 64,
                         Decoder::table_bytes(linear.row.quarters), {updated(rows.out)}, linear, int(first),
                         int(count), rows.out.data(), stride);
  });
  return rows.agree(layer);
}

} // namespace

class TestKernelsLinears : public QObject {
  Q_OBJECT
 private slots:
  void every_quantizer_data() {
    QTest::addColumn<int>("member");
    for (std::size_t i = 0; i + 1 < palette().size(); ++i)
      if (!cuda::is_trellis(palette()[i]->id()))
        QTest::newRow(to_string(palette()[i]->id()).c_str()) << int(i);
  }
  void every_quantizer() {
    QFETCH(int, member);
    const QuantizerId id = palette()[std::size_t(member)]->id();
    for (const int tiles_high : {1, 2}) {
      QVERIFY(agrees(id, {{16}, 16, 1, KernelPath::tensor_core, tiles_high}));
      QVERIFY(agrees(id, {{37}, 176, 3, KernelPath::tensor_core, tiles_high}));
      QVERIFY(agrees(id, {{23}, 91, 16, KernelPath::tensor_core, tiles_high}));
    }
    QVERIFY(decodes(id, {37, 91}, 0, 37, 91));
    if (!cuda::supports(id, KernelPath::cuda_core, 1)) return;
    QVERIFY(agrees(id, {{16}, 16, 1, KernelPath::cuda_core}));
    QVERIFY(agrees(id, {{37}, 91, 3, KernelPath::cuda_core}));
  }

  void batches_and_shapes() {
    for (const char* name : {"nuq-4", "vq-2.5", "nuq-7"}) {
      const QuantizerId id = parse_quantizer_id(name);
      for (const int batch : {1, 2, 8, 9}) QVERIFY(agrees(id, {{33}, 130, batch}));
      for (const std::size_t d_in : {1u, 2u, 15u, 17u, 64u, 65u, 129u}) QVERIFY(agrees(id, {{5}, d_in, 2}));
      for (const std::size_t rows : {1u, 8u, 9u, 17u}) {
        QVERIFY(agrees(id, {{rows}, 48, 1}));
        QVERIFY(agrees(id, {{rows}, 48, 1, KernelPath::tensor_core, 2}));
      }
    }
    for (const char* name : {"nuq-4", "vq-2.5", "nuq-8"})
      for (const int batch : {1, 2, 3, 8, 16})
        QVERIFY(agrees(parse_quantizer_id(name), {{33}, 70, batch, KernelPath::cuda_core}));
  }

  void long_rows_go_round_the_ring() {
    for (const char* name : {"vq-6", "nuq-8"})
      for (const int tiles_high : {1, 2})
        QVERIFY(agrees(parse_quantizer_id(name), {{20}, 5000, 1, KernelPath::tensor_core, tiles_high}));
    QVERIFY(agrees(parse_quantizer_id("nuq-3"), {{20}, 5000, 1, KernelPath::cuda_core}));
  }

  void fused_groups() {
    for (const char* name : {"nuq-4", "vq-3"})
      for (const int tiles_high : {1, 2}) {
        const QuantizerId id = parse_quantizer_id(name);
        QVERIFY(agrees(id, {{48, 16, 17}, 96, 2, KernelPath::tensor_core, tiles_high}));
        QVERIFY(agrees(id, {{1, 70, 3, 5, 16, 32, 33, 2}, 33, 9, KernelPath::tensor_core, tiles_high}));
      }
    QVERIFY(agrees(parse_quantizer_id("nuq-4"), {{48, 16, 17}, 96, 3, KernelPath::cuda_core}));
    QVERIFY(agrees_f16({{48, 1, 17}, 96, 2}));
  }

  void ranges_of_rows_are_decoded() {
    for (const char* name : {"nuq-3", "vq-4"}) {
      const QuantizerId id = parse_quantizer_id(name);
      QVERIFY(decodes(id, {64, 160}, 16, 32, 160));
      QVERIFY(decodes(id, {64, 160}, 5, 13, 168, 1));
      QVERIFY(decodes(id, {50, 33}, 49, 1, 40));
      QVERIFY(decodes(id, {50, 32}, 31, 19, 33));
      QVERIFY(decodes(id, {3, 1}, 1, 2, 1));
    }
  }

  // A fragment whose registers are in another order than the codes' is a wrong product.
  void a_wrong_fragment_layout_is_caught() {
    const QuantizerId id = parse_quantizer_id("nuq-3");
    const Buffer<float> codebook = codebook_buffer(id);
    for (const bool permuted : {false, true}) {
      const Case c{{16}, 32, 8};
      const Group group(id, c, codebook);
      auto launch = cuda::plan_group(group.linears, group.x.data(), c.batch, group.places, 1);
      using Product = kernels::TensorProduct<1>;
      cuda::choose_threads<Pairs, 1, Product>(launch);
      const std::size_t shared = kernels::linear_shared_bytes<Pairs, 1, Product>(12, launch.threads);
      if (permuted)
        test::launch_checked(&kernels::linear_group<PermutedDecoder, 1, Product>, {1},
                             unsigned(launch.threads), shared, group.all_outputs(), launch.group);
      else
        test::launch_checked(&kernels::linear_group<Pairs, 1, Product>, {1}, unsigned(launch.threads), shared,
                             group.all_outputs(), launch.group);
      if (permuted)
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression("member 0, batch 0, row 0: .* and not"));
      QCOMPARE(group.agrees(c, 0x1p-11), !permuted);
    }
  }

  // Each code of each row is found again, once, at its place; all else is 0.
  void the_layout_is_a_bijection() {
    for (const Quantizer* member : palette()) {
      const QuantizerId id = member->id();
      for (const MatrixShape shape : {MatrixShape{16, 16}, {33, 50}, {5, 7}, {48, 144}}) {
        const QuantizedLinear layer = random_linear(id, shape, 3);
        const auto codes = cuda::device_codes(layer);
        QCOMPARE(codes.size(), cuda::device_code_bytes(id, shape));
        QVERIFY2(stored_codes(id, shape, codes) == without_padding(layer), to_string(id).c_str());
      }
    }
  }

  void what_has_a_kernel() {
    for (const Quantizer* member : palette())
      for (const int batch : {1, 16}) QVERIFY(cuda::supports(member->id(), KernelPath::tensor_core, batch));
    QVERIFY(cuda::supports(parse_quantizer_id("nuq-4"), KernelPath::cuda_core, 16));
    QVERIFY(!cuda::supports(parse_quantizer_id("tcq-4"), KernelPath::cuda_core, 1));
    QVERIFY(!cuda::supports(parse_quantizer_id("tcq-4"), KernelPath::tensor_core, 17));
    QVERIFY(!cuda::supports(parse_quantizer_id("tcq-4"), KernelPath::tensor_core, 0));
  }

  void f16() {
    for (const int batch : {1, 2, 3, 8, 9, 16}) QVERIFY(agrees_f16({{35}, 168, batch}));
    for (const std::size_t d_in : {1u, 7u, 8u, 31u, 33u, 257u, 1000u}) QVERIFY(agrees_f16({{20}, d_in, 3}));
  }
};

QTEST_APPLESS_MAIN(TestKernelsLinears)
#include "test_kernels_linears.moc"
